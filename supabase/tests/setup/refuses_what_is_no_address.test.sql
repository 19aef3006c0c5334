begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

select throws_ok($$select tocsin.setup('x.supabase.co/functions/v1')$$, 'TC016', null,
  'An address without its protocol.');
select throws_ok($$select tocsin.setup('https://x y/functions/v1')$$, 'TC016', null,
  'An address with a space.');
select throws_ok($$select tocsin.setup('')$$, 'TC016', null, 'An empty one.');
select throws_ok($$select tocsin.setup(null, 'ada')$$, 'TC016', null, 'An operator without an @.');
select throws_ok($$select tocsin.setup(null, 'a da@example.com')$$, 'TC016', null,
  'An operator with a space.');
select is((select functions_url from tocsin_internal.installation), null, 'Nothing is kept.');

select * from finish();
rollback;
