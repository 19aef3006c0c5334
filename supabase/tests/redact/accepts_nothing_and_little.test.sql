begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

select is(tocsin_internal.redact(null), null, 'Nothing stays nothing.');
select is(tocsin_internal.redact(''), '', 'An empty text stays empty.');
select is(tocsin_internal.redact('='), '=', 'A single character stays.');

select * from finish();
rollback;
