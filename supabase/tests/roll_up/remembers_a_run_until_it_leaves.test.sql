begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table runs (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
create view memory as select run_id, finished_at from tocsin_internal.counted_runs;
create view failures as
  select coalesce(sum(failure_count), 0)::int from tocsin.workflow_run_metrics;

insert into runs values (1, 'failed', now() - interval '10 days'),
  (2, 'failed', now() + interval '1 year'), (3, 'failed', clock_timestamp());
select from tocsin_internal.roll_up();
select bag_eq('select run_id from memory', array['1', '2'],
  'A run that is written late, or ahead of its time, is remembered; another is not.');
update runs set status = 'running', finished_at = null;
select results_eq('select * from failures', 'values (0)', 'Opened again, none of them counts,');
select from tocsin_internal.roll_up();
select results_eq('select * from failures', 'values (0)', 'nor when that is counted,');
select is_empty('select * from memory', 'and nothing of them is kept in mind.');

-- rows that stand in the table in another order than they were appended in
insert into tocsin_internal.run_outcomes (outcome_id, source_id, run_id, outcome, sign)
overriding system value
select 9000000 + n, 'runs', n, 'failed', 1 from unnest(array[3, 1, 2]) as n;
select results_eq('select run_id from unnest(tocsin_internal.roll_up_batch(1, now()))',
  array['1'], 'What was appended first is taken first.');
-- by a beat whose clock is behind
select from tocsin_internal.roll_up(now() - interval '1 day');
select results_eq($$select last_updated >= now() from tocsin_internal.run_totals$$,
  'values (true)', 'When something was last counted never goes back.');

select * from finish();
rollback;
