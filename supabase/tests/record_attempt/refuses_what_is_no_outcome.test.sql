begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

select throws_ok($$select tocsin.record_attempt(gen_random_uuid(), 1, 'done', now(), now())$$,
  'TC014', null, 'An outcome that there is not.');
select throws_ok($$select tocsin.record_attempt(gen_random_uuid(), 1, null, now(), now())$$,
  'TC014', null, 'No outcome at all.');
select throws_ok($$select tocsin.record_attempt(gen_random_uuid(), 1, 'retry', now(), now())$$,
  'TC014', null, 'A retry that does not say when.');
select is(tocsin.record_attempt(gen_random_uuid(), 1, 'dead', now(), now()), 'stale',
  'A delivery that is no longer there is no error.');

select * from finish();
rollback;
