begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select is(tocsin_internal.redact_metadata(
  (repeat('{"a":', 1000) || '1' || repeat('}', 1000))::jsonb) #>> '{a,a,a,a,a,a,a,a,a,a}',
  '[cut: too deep]', 'Ten levels are kept of a thousand.');
select cmp_ok(octet_length(tocsin_internal.redact_metadata(v)::text), '<=', 65536,
  'At most 64 KiB.')
from (values
  (jsonb_build_object('a', repeat('x', 10000000))),
  ((select jsonb_object_agg('k' || n, repeat('y', 100)) from generate_series(1, 5000) as n)),
  ((select jsonb_build_object('l', jsonb_agg(n)) from generate_series(1, 200000) as n))) as j (v);
select is(tocsin_internal.redact_metadata(jsonb_build_object('a', repeat('x', 70000), 'b', 1))
  ->> 'b', '1', 'What fits stays.');

select * from finish();
rollback;
