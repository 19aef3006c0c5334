begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create temp table took as
  select exp(3 + 2 * sin(n) + n / 400.0) as ms from generate_series(1, 2000) as n;
create temp table binned as
  select array_agg(bin order by bin) as bins, array_agg(n order by bin) as counts
  from (
    select tocsin_internal.duration_bin(ms)::int as bin, count(*) as n from took group by 1
  ) as b;

select is_empty($$
  select share from unnest(array[0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]) as share,
    lateral (select percentile_disc(share) within group (order by ms) as exact from took) as e,
    lateral (
      select tocsin_internal.percentile_of_bins(bins, counts, share) as shown from binned
    ) as s
  where abs(shown - exact) > 0.05 * exact$$, 'No percentile is more than five percent off.');
create function pg_temp.count(p_sign int, p_ms int) returns void language sql as $$
  select tocsin_internal.count_outcomes(array[row(1, 's', 'r', 'p', 'w', 'failed', p_sign, null,
    null, timestamptz '2026-03-04 10:00Z' - p_ms * interval '1 ms', '2026-03-04 10:00Z',
    '2026-03-04 10:00Z')::tocsin_internal.run_outcomes], '2026-03-04 10:00Z')$$;
select pg_temp.count(1, ms) from unnest(array[1, 1, 1000, 1000, 60000]) as ms;
select pg_temp.count(-1, 1000), pg_temp.count(-1, 1000), pg_temp.count(-1, 1);
select bag_eq($$select distinct h.bin::int, h.n::int from tocsin_internal.run_buckets,
  lateral unnest(duration_bins, duration_bin_counts) as h (bin, n)$$,
  'values (0, 1), (tocsin_internal.duration_bin(60000)::int, 1)',
  'Histograms add up, and a bin that is empty is gone.');

select * from finish();
rollback;
