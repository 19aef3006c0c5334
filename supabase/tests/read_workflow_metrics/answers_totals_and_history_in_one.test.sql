begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create table runs (id int primary key, status text, project_id text, workflow_id text,
  started_at timestamptz, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs
select n, case when n % 4 = 0 then 'failed' else 'succeeded' end, 'p' || n % 2, 'import',
  t.at - interval '3 seconds', t.at
from generate_series(1, 40) as n, lateral (select now() - n * interval '1 minute' as at) as t;

create function pg_temp.answer(p_project text default null) returns json language sql as $$
  select tocsin.read_workflow_metrics('import', now() - interval '2 hours',
    now() + interval '1 minute', '15 minutes', p_project)$$;

select is((select sum((t ->> 'success_count')::int) from json_array_elements(
  pg_temp.answer() -> 'totals') as t)::int, 30, 'What is pending is in the totals,');
select is((select sum((h ->> 'success_count')::int) from json_array_elements(
  pg_temp.answer() -> 'history') as h)::int, 30, 'and in the history.');
select from tocsin_internal.tick();
select results_eq($$select t ->> 'project_id', (t ->> 'success_count')::int,
  (t ->> 'failure_count')::int from json_array_elements(pg_temp.answer() -> 'totals') as t$$,
  $$values ('p0', 10, 10), ('p1', 20, 0)$$, 'Each source and project has its own totals.');
select is((select sum((h ->> 'success_count')::int) from json_array_elements(
  pg_temp.answer('p1') -> 'history') as h)::int, 20, 'One project can be asked for.');
select is((select distinct h ->> 'resolution' from json_array_elements(
  pg_temp.answer() -> 'history') as h), '15m', 'The history says how long its buckets are.');
select ok((select max((h ->> 'duration_ms_p95')::float) from json_array_elements(
  pg_temp.answer() -> 'history') as h) between 2850 and 3150, 'Durations are milliseconds.');
select is(array(select tocsin_internal.name_of_bucket(i::interval) from unnest(array['1 minute',
  '90 minutes', '1 hour', '12 hours', '1 day', '7 days', '1 month']) as i),
  '{1m,90m,1h,12h,1d,7d,1mo}', 'Buckets are named as the API takes them.');

select * from finish();
rollback;
