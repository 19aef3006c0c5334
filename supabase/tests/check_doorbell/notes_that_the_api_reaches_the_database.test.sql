begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select is((select last_api_call_at from tocsin_internal.installation), null,
  'At first nothing came in through the Data API.');
set local role service_role;
select tocsin.check_doorbell('wrong');
reset role;
select isnt((select last_api_call_at from tocsin_internal.installation), null,
  'A call is the proof that the schema is exposed, whatever its token.');

select * from finish();
rollback;
