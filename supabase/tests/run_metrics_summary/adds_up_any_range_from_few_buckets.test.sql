begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

-- a failure each 37 minutes for ten days
select tocsin_internal.count_outcomes(array_agg(row(n, 's', 'r' || n, 'p', 'w', 'failed', 1, null,
  null, at, at, at)::tocsin_internal.run_outcomes), '2026-11-10 12:00Z')
from generate_series(0, 388) as n, lateral (select timestamptz '2026-10-31 12:20Z'
  + n * interval '37 minutes' as at) as t;

create temp table asked as
  select timestamptz '2026-10-31 12:00Z' + n * interval '3 hours 5 minutes' as low,
    timestamptz '2026-11-10 12:00Z' - n * interval '65 minutes' as high
  from generate_series(0, 40) as n;
select is_empty($$
  select low, high from asked, lateral (
    select sum(failure_count) as shown from tocsin.run_metrics_summary(low, high,
      p_now => '2026-11-10 12:00Z')
  ) as s, lateral (
    select count(*) as exact from generate_series(0, 388) as n, lateral (
      select timestamptz '2026-10-31 12:20Z' + n * interval '37 minutes' as at) as t
    where at >= date_bin('5 minutes', low, '2000-01-01Z') and at < high
  ) as e where coalesce(shown, 0) <> exact$$, 'Every range has exactly its failures.');
select cmp_ok((select max(n) from asked, lateral (select count(*) as n from
  tocsin_internal.range_pieces(low, high, '2026-11-10 12:00Z')) as p)::int, '<=', 7,
  'It takes seven pieces at most.');

select * from finish();
rollback;
