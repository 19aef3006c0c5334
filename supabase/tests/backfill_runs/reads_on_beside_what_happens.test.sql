begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

-- two rows may have one id: a partitioned table is not unique on it alone
create table runs (id int, status text, finished_at timestamptz);
insert into runs values (1, 'failed', now() - interval '1 day'),
  (2, 'failed', now() - interval '1 day'), (2, 'failed', now() - interval '2 days'),
  (3, 'failed', now() - interval '1 day'), (4, 'failed', 'infinity'), (5, 'failed', null);
create table tries (run_id int, kind text, at timestamptz, payload jsonb default '{}');
select from tocsin.watch_runs('runs');
select from tocsin.backfill_runs('runs', now() - interval '30 days');
create function pg_temp.batch(p_limit int) returns void language sql as $$
  select from tocsin.backfills b
  cross join lateral tocsin_internal.backfill_batch(b, p_limit, clock_timestamp())
  where state = 'running'$$;
create view failures as
  select coalesce(sum(failure_count), 0)::int from tocsin.workflow_run_metrics;

select pg_temp.batch(2);
select results_eq('select * from failures', 'values (3)', 'A batch ends behind an id, not within.');
-- run 1 was passed, and run 3 was not
update runs set status = 'running' where id in (1, 3);
select pg_temp.batch(10);
select results_eq('select * from failures', 'values (2)',
  'What is opened again is taken back where it was counted, and not counted where it was not.');
select from tocsin_internal.roll_up();
select results_eq('select * from failures', 'values (2)', 'There is nothing left of it to count.');
select is_empty($$select * from tocsin.reconcile('runs')$$, 'It equals the table.');

insert into tocsin_internal.run_outcomes (source_id, run_id, outcome, sign)
select 'other', n, 'failed', 1 from generate_series(1, 20000) as n;
select is(tocsin_internal.backfill(), 0::bigint, 'While much is pending, it waits');
select results_eq('select state::text from tocsin.backfills', array['running'], 'with its end,');
delete from tocsin_internal.run_outcomes;
select from tocsin_internal.backfill();
select results_eq('select state::text, undated_count from tocsin.backfills',
  $$values ('done', 2::bigint)$$, 'and says in the end how many runs had no time.');
select results_eq('select filling, filled_to from tocsin_internal.counted_ranges
  where source_id = ''runs''', $$values ('{}'::tstzmultirange, null::text)$$,
  'Nothing is being filled then.');

-- a failure that another table tells twice
create table others (id int primary key, status text default 'running', finished_at timestamptz);
insert into others values (1);
insert into tries (run_id, kind, at) select 1, 'step_failed', now() - n * interval '1 day'
from generate_series(2, 3) as n;
select from tocsin.watch_runs('others', p_options => '{"events": {"table": "public.tries",
  "run_id": "run_id", "type": "kind", "failed_type": "step_failed", "payload": "payload",
  "at": "at"}}');
select from tocsin.backfill_runs('others', now() - interval '30 days');
select from tocsin_internal.backfill();
select results_eq($$select bucket_at from tocsin_internal.run_buckets
  where source_id = 'others' and bucket_minutes = 1440$$,
  $$select date_bin('1 day', now() - interval '3 days', '2000-01-01Z')$$,
  'It failed when that was first told.');

select * from finish();
rollback;
