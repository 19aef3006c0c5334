begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs select n, 'succeeded', clock_timestamp() from generate_series(1, 30) as n;
-- no trigger appends such a row
insert into tocsin_internal.run_outcomes (source_id, run_id, outcome, sign, finished_at)
values (null, 'odd', 'failed', 1, clock_timestamp());
insert into runs select n, 'succeeded', clock_timestamp() from generate_series(31, 60) as n;
select is(tocsin_internal.run_stage('roll_up'), 61::bigint, 'All are taken,');
select results_eq('select success_count::int from tocsin.workflow_run_metrics', 'values (60)',
  'what can be counted is counted,');
select results_eq($$select outcome ->> 'run_id', problem ~ 'null value'
  from tocsin_internal.outcomes_set_aside$$, $$values ('odd', true)$$,
  'the other one is kept, with the reason,');
select results_eq($$select message ->> 'run_id' from pgmq.q_tocsin_failures$$,
  $$values ('odd')$$, 'its failure is told,');
select results_eq('select stage, error_code from tocsin_internal.stage_faults',
  $$values ('roll_up', '23502')$$, 'and doctor() will find the fault.');

select * from finish();
rollback;
