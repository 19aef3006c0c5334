begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

set local role authenticated;
select throws_ok($$select tocsin.setup()$$, '42501', null, 'Not for who is signed in,');
set local role service_role;
select throws_ok($$select tocsin.setup()$$, '42501', null, 'nor for the service.');

select * from finish();
rollback;
