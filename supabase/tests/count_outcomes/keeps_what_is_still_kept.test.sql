begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create function pg_temp.counted(p_sign int, p_at timestamptz, p_ms int default 2000)
returns void language sql as $$
  select tocsin_internal.count_outcomes(array[row(1, 's', 'r', 'p', 'w', 'failed', p_sign, null,
    null, p_at - p_ms * interval '1 millisecond', p_at, p_at)::tocsin_internal.run_outcomes],
    '2026-11-10 12:00Z')$$;

select pg_temp.counted(1, at) from unnest(array['2026-11-10 11:00Z', '2026-11-08 12:00Z',
  '2026-11-08 11:59Z', '2026-10-06 12:00Z', '2026-10-06 11:59Z', '2026-05-14 12:00Z',
  '2026-05-14 11:59Z', '2001-01-01 00:00Z']::timestamptz[]) as at;
select results_eq('select bucket_minutes, sum(failed_count)::int from tocsin_internal.run_buckets
  group by 1 order by 1', 'values (0, 8), (1, 2), (5, 4), (15, 6), (1440, 8)',
  'A run counts in the buckets that are still kept of its time, and in no other.');

-- two sessions may count what belongs together in any order
delete from tocsin_internal.run_buckets;
select pg_temp.counted(-1, '2026-11-10 11:00Z');
select results_eq('select duration_ms_min, duration_ms_max from tocsin_internal.run_totals',
  'values (null::double precision, null::double precision)', 'To take back makes no mark.');
select pg_temp.counted(1, '2026-11-10 11:00Z', 9000);
select pg_temp.counted(1, '2026-11-10 11:00Z');
select results_eq($$select failed_count, duration_count, duration_ms_sum, duration_bins,
  duration_bin_counts from tocsin_internal.run_totals$$,
  $$select 1::bigint, 1::bigint, 9000::double precision,
    array[tocsin_internal.duration_bin(9000)], array[1::bigint]$$,
  'What is taken back before it is counted leaves as much.');
select results_eq($$select duration_ms_min, duration_ms_max from tocsin_internal.run_totals$$,
  'values (2000::double precision, 9000::double precision)', 'The marks stand.');

select * from finish();
rollback;
