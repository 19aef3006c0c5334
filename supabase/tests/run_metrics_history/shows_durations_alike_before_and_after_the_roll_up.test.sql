begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, flow text, status text, started_at timestamptz,
  finished_at timestamptz);
select from tocsin.watch_runs('runs', p_options => '{"workflow_id": "flow"}');
update tocsin_internal.counted_ranges
set watched = '{[2020-01-01,)}', watched_since = '2020-01-01';
-- of all lengths, from a microsecond to weeks, at the ends of bins too
insert into runs
select n, 'f' || n % 2, 'succeeded', now() - interval '1 microsecond' * (1.1 ^ (n / 3.0))::bigint,
  now() from generate_series(1, 860) as n;

create view shown as
  select duration_count, duration_ms_min, duration_ms_max, duration_ms_p50, duration_ms_p95,
    duration_ms_p99, round(duration_ms_avg::numeric, 3)
  from tocsin.run_metrics_history(now() - interval '3 hours', now() + interval '1 hour',
    p_workflow_id => 'f1');
create temp table pending as select * from shown;
select is((select sum(duration_count)::int from pending), 430, 'What is pending has durations.');
select from tocsin_internal.roll_up();
select results_eq('select * from shown', 'select * from pending', 'They count alike.');

select * from finish();
rollback;
