begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.ended(p_flow text, p_outcome text, p_at timestamptz, p_n int)
returns void language sql as $$
  select tocsin_internal.count_outcomes(array_agg(row(n, 's', 'r' || n, 'p', p_flow, p_outcome, 1,
    null, null, p_at, p_at, p_at)::tocsin_internal.run_outcomes), '2026-11-10 12:00Z')
  from generate_series(1, p_n) as n$$;
select pg_temp.ended('worse', 'succeeded', '2026-11-08 15:00Z', 9);
select pg_temp.ended('worse', 'failed', '2026-11-08 15:00Z', 1);
select pg_temp.ended('worse', 'succeeded', '2026-11-10 01:07Z', 5);
select pg_temp.ended('worse', 'failed', '2026-11-10 01:07Z', 5);
select pg_temp.ended('new', 'failed', '2026-11-10 11:59Z', 2);
create view shown as select * from tocsin.run_metrics_summary('2026-11-09 12:00Z',
  '2026-11-10 12:00Z', p_now => '2026-11-10 12:00Z');

select results_eq('select workflow_id, run_count::int, failure_count::int, success_rate, direction
  from shown', $$values ('worse', 10, 5, 0.5::double precision, 'worse'), ('new', 2, 2, 0, 'new')$$,
  'The most failures come first, and each says how it went before.');
select results_eq($$select round(success_rate_change::numeric, 3) from shown
  where workflow_id = 'worse'$$, 'values (-0.400)', 'The change is in the rate.');
select results_eq($$select workflow_id from tocsin.run_metrics_summary('2026-11-09 12:00Z',
  '2026-11-10 12:00Z', p_sort => 'workflow_id', p_descending => false,
  p_now => '2026-11-10 12:00Z')$$, $$values ('new'), ('worse')$$, 'It sorts by what is asked.');
select results_eq($$select workflow_id from tocsin.run_metrics_summary('2026-11-09 12:00Z',
  '2026-11-10 12:00Z', p_min_runs => 3, p_now => '2026-11-10 12:00Z')$$,
  $$values ('worse')$$, 'Workflows with too few runs are left out.');
select throws_ok($$select * from tocsin.run_metrics_summary(now() - interval '1 day', now(),
  p_sort => 'project_id; drop table runs')$$, 'TC019', null, 'It sorts by columns only.');

select * from finish();
rollback;
