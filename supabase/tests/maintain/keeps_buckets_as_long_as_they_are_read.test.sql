begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

-- of each length: one just begun when its time was over, one that was just ending, one before
create table made as
  select bucket_minutes, which, case when bucket_minutes = 0 then '2000-01-01 00:00Z'
    else timestamptz '2026-03-04 12:00Z' - coalesce(kept_for, '10 years')
      - which * make_interval(mins => bucket_minutes) end as bucket_at
  from tocsin_internal.granularities, generate_series(0, 2) as which
  where bucket_minutes > 0 or which = 0;
insert into tocsin_internal.run_buckets (bucket_minutes, project_id, workflow_id, source_id,
  bucket_at, last_updated)
select bucket_minutes, 'p', 'w' || n, 's', bucket_at, now()
from made, generate_series(1, 3) as n;

select is(tocsin_internal.prune_buckets('2026-03-04 12:00Z', 2), 6::bigint,
  'Of each length that is dropped at all, so many at once,');
select is(tocsin_internal.prune_buckets('2026-03-04 12:00Z', 2), 3::bigint, 'then the others,');
select is(tocsin_internal.prune_buckets('2026-03-04 12:00Z', 2), 0::bigint, 'then no more.');
select bag_eq($$select bucket_minutes, bucket_at, count(*) from tocsin_internal.run_buckets
    group by 1, 2$$,
  $$select bucket_minutes, bucket_at, 3::bigint from made where bucket_minutes in (0, 1440)
      or which < 2$$,
  'What somebody may still read is kept; days and totals are for good.');

select * from finish();
rollback;
