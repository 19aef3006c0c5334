begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(12);

create table runs (id int primary key, status text, project_id text, workflow_id text,
  started_at timestamptz, finished_at timestamptz);
select from tocsin.watch_runs('runs');
-- counted as if watched for long, in both ranges; some pending, some of those in the range before
update tocsin_internal.counted_ranges
set watched = '{[2020-01-01,)}', watched_since = '2020-01-01';
insert into runs
select n, (array['succeeded', 'failed', 'timed_out', 'canceled'])[1 + n * n % 7 % 4], 'p' || n % 3,
  'w' || n % 17, at - interval '1 s' * (n % 11), at
from generate_series(1, 900) as n,
  lateral (select now() - interval '11 minutes' * (n % 520)) as t (at);
select from tocsin_internal.roll_up();
insert into runs
select n, case n % 3 when 0 then 'failed' else 'succeeded' end, 'p' || n % 3, 'w' || n % 17, now(),
  now() - interval '1 hour' * (n % 80)
from generate_series(1001, 1200) as n;
select is((select count(*) from tocsin_internal.run_outcomes)::int, 200, 'Some are pending.');

select results_eq(
  format('select * from tocsin.run_metrics_summary(now() - interval %L, now(), p_sort => %L,
    p_limit => 500)', length, sort),
  format('select * from tocsin.run_metrics_summary(now() - interval %L, now(), p_sort => %L,
    p_limit => 501)', length, sort),
  format('Over %s by %s: the range before is the same, looked up or read.', length, sort))
from unnest(array['2 hours', '1 day', '40 hours']) as length,
  unnest(array['run_count', 'last_updated', 'workflow_id']) as sort;

select results_eq(
  $$select sum(run_count)::int, sum(failure_count)::int, sum(run_count_before)::int
  from tocsin.run_metrics_summary(date_trunc('hour', now() - interval '1 day'),
    date_trunc('hour', now() + interval '1 hour'))$$,
  $$select count(*) filter (where is_now)::int,
    count(*) filter (where is_now and status in ('failed', 'timed_out'))::int,
    count(*) filter (where not is_now)::int
  from (
    select status, finished_at >= date_trunc('hour', now() - interval '1 day') as is_now
    from runs where finished_at >= date_trunc('hour', now() - interval '2 days 1 hour')
  ) as r$$,
  'And it is what the table holds.');

set local role service_role;
select is((select count(distinct project_id)::int from tocsin.run_metrics_summary(
  now() - interval '1 day', now())), 3, 'The service sees every project.');

select * from finish();
rollback;
