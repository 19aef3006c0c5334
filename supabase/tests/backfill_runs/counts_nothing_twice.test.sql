begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, status text, finished_at timestamptz);
insert into runs select n, 'succeeded', now() - n * interval '1 day'
from generate_series(1, 40) as n;
select from tocsin.watch_runs('runs');
-- written late, and counted as they were
update runs set status = 'failed' where id = 5;
insert into runs values (100, 'failed', now() - interval '5 days');
select from tocsin_internal.roll_up();

select from tocsin.backfill_runs('runs', now() - interval '10 days 1 hour');
select tocsin_internal.backfill();
select results_eq('select success_count::int, failure_count::int from tocsin.workflow_run_metrics',
  'values (9, 2)', 'Runs that were counted already are left out.');
select from tocsin.backfill_runs('runs', now() - interval '20 days 1 hour');
select tocsin_internal.backfill();
select results_eq('select success_count::int, failure_count::int from tocsin.workflow_run_metrics',
  'values (19, 2)', 'A longer range counts only what the shorter did not.');
select results_eq($$select state from tocsin.backfill_runs('runs', now() - interval '20 days')$$,
  $$values ('done'::tocsin.backfill_state)$$, 'The same range again is done at once.');
select from tocsin.backfill_runs('runs');
select tocsin_internal.backfill();
select results_eq('select success_count::int, failure_count::int from tocsin.workflow_run_metrics',
  'values (39, 2)', 'Without a range it is all.');
select is_empty('select * from tocsin.reconcile(''runs'')', 'The counters equal the table.');

select * from finish();
rollback;
