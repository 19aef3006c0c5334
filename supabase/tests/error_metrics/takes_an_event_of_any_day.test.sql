begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, ingested_at)
select gen_random_uuid(), at, 'worker', 'unknown', 'low', at
from unnest(array['1970-01-01', now(), now() + interval '3 days', now() + interval '1 year',
  'infinity']::timestamptz[]) as at;

select is((select count(*)::int from tocsin.error_metrics), 5,
  'An insert never fails for a missing partition.');
select is((select count(*)::int from tocsin_internal.error_metrics_default), 3,
  'What no day is made for lies in the default partition.');
select is(
  (select count(*)::int from tocsin_internal.error_partitions() where day > now()::date), 7,
  'A week is made ahead.');
select from tocsin_internal.make_error_partitions(now() + interval '2 days');
select is(
  (select count(*)::int from tocsin_internal.error_partitions() where day > now()::date), 9,
  'Two days later the upkeep makes two more.');

select * from finish();
rollback;
