begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select from pgmq.send_batch('tocsin_failures', array(
  select jsonb_build_object('error_id', gen_random_uuid(), 'run_id', n, 'source_id', 'gone',
    'failed_at', now()) from generate_series(1, 20) as n));
select is(tocsin_internal.claim_failures(), 20::bigint, 'All are claimed.');
select tocsin_internal.give_back_failures(array(
  select msg_id from tocsin_internal.claimed_failures where msg_id % 2 = 0), 0, false);
select tocsin_internal.give_back_failures(array(
  select msg_id from tocsin_internal.claimed_failures where msg_id % 4 = 1), 60, true);
select bag_eq($$select read_ct, vt <= clock_timestamp(), count(*)::int
  from pgmq.q_tocsin_failures group by 1, 2$$, $$values
  (0, true, 10), (1, false, 10)$$, 'What there was no time for is as if it had not been read.');
select is((select count(*)::int from tocsin_internal.claimed_failures), 5,
  'The others are still claimed.');
select is(tocsin_internal.ingest(), 5::bigint, 'They are ingested,');
select is(tocsin_internal.claim_failures(), 10::bigint,
  'and what was given back is claimed again.');

select * from finish();
rollback;
