begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select pgmq.drop_queue('tocsin_deliveries');
select from tocsin.setup();

select is(
  (select relrowsecurity from pg_class where oid = 'pgmq.q_tocsin_deliveries'::regclass), true,
  'A queue that setup() had to make again is closed to people like the first one.');

select * from finish();
rollback;
