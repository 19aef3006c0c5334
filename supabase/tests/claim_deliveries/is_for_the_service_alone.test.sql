begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

set local role authenticated;
select throws_ok($$select tocsin.claim_deliveries()$$, '42501', null, 'People claim nothing,');
select throws_ok($$select tocsin.record_attempt(gen_random_uuid(), 1, 'dead', now(), now())$$,
  '42501', null, 'record nothing,');
select throws_ok($$select tocsin.release_deliveries('{}', '{}')$$, '42501', null,
  'release nothing,');
select throws_ok($$select tocsin.check_doorbell('x')$$, '42501', null, 'and try no tokens.');
set local role anon;
select throws_ok($$select tocsin.claim_deliveries()$$, '42501', null,
  'Least of all those who are not signed in.');
set local role service_role;
select lives_ok($$select tocsin.claim_deliveries()$$, 'The service may.');

select * from finish();
rollback;
