begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.ended(p_at timestamptz) returns void language sql as $$
  select tocsin_internal.count_outcomes(array[row(1, 's', 'r', 'p', 'w', 'failed', 1, null, null,
    p_at - interval '2 seconds', p_at, p_at)::tocsin_internal.run_outcomes],
    '2026-11-02 12:00Z')$$;
-- the clocks went back in New York on 1 November 2026: that day has 25 hours
select pg_temp.ended(at) from unnest(array['2026-10-31 03:59Z', '2026-10-31 04:00Z',
  '2026-11-01 03:59Z', '2026-11-01 04:00Z', '2026-11-02 04:59Z', '2026-11-02 05:00Z']
  ::timestamptz[]) as at;

select results_eq($$select bucket_at, failure_count::int from tocsin.run_metrics_history(
  '2026-10-30 04:00Z', '2026-11-02 12:00Z', '1 day', p_time_zone => 'America/New_York',
  p_now => '2026-11-02 12:00Z')$$, $$values ('2026-10-30 04:00Z'::timestamptz, 1),
  ('2026-10-31 04:00Z', 2), ('2026-11-01 04:00Z', 2), ('2026-11-02 05:00Z', 1)$$,
  'Days begin at the caller''s midnight, also the one of 25 hours.');
select results_eq($$select count(*)::int, sum(failure_count)::int from tocsin.run_metrics_history(
  '2026-10-31 00:00Z', '2026-11-02 12:00Z', '1 hour', p_now => '2026-11-02 12:00Z')$$,
  'values (60, 6)', 'Every hour has its row, those without runs as well.');
select results_eq($$select distinct resolution from tocsin.run_metrics_history(
  '2025-01-01 00:00Z', '2025-03-01 00:00Z', '1 hour', p_time_zone => 'Asia/Kolkata',
  p_now => '2026-11-02 12:00Z')$$, $$values (interval '1 day')$$,
  'What is too old for hours comes in days, and says so.');
select results_eq($$select failure_count::int, round(duration_ms_p50 / 100)
  from tocsin.run_metrics_history('2026-11-02 04:59Z', '2026-11-02 05:01Z', '1 minute',
  p_now => '2026-11-02 12:00Z')$$, 'values (1, 20.0::double precision), (1, 20)',
  'A minute is a minute, with its percentiles.');
select results_eq($$select sum(failure_count)::int from tocsin.run_metrics_history(
  '2026-10-05', '2026-11-05', '7 days', p_time_zone => 'UTC', p_now => '2026-11-02 12:00Z')$$,
  'values (6)', 'Weeks add up to the same.');

select * from finish();
rollback;
