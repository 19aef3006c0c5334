begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

select is(tocsin_internal.cut_text('short', 10), 'short', 'What fits stays.');
select is(tocsin_internal.cut_text(repeat('a', 20), 16), 'aaaaaaaaaa [cut]',
  'What does not is cut.');
select ok(octet_length(tocsin_internal.cut_text(t, 8192)) between 8000 and 8192,
  'Signs of several bytes count as such: ' || left(t, 3))
from unnest(array[repeat('ä', 8192), repeat('漢字', 8192),
  repeat('a', 8000) || repeat('🔔', 900)]) as t;
select is(tocsin_internal.cut_text(null, 10), null, 'Nothing stays nothing.');

select * from finish();
rollback;
