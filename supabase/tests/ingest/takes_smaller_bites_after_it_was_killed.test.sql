-- What a killed ingestion leaves behind: messages that are claimed, and hidden in the queue.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

select from pgmq.send_batch('tocsin_failures', array(
  select jsonb_build_object('error_id', gen_random_uuid(), 'run_id', n, 'source_id', 'gone',
    'failed_at', now()) from generate_series(1, 300) as n));
select from tocsin_internal.claim_failures(now() + interval '1 minutes');
select is((select count(*)::int from tocsin_internal.claimed_failures), 300, 'It claims all,');

select from tocsin_internal.claim_failures(now() + interval '2 minutes');
select is((select count(*)::int from tocsin_internal.claimed_failures), 30,
  'then, as if it had died on them, a tenth,');
select from tocsin_internal.claim_failures(now() + interval '3 minutes');
select from tocsin_internal.claim_failures(now() + interval '4 minutes');
select is((select count(*)::int from tocsin_internal.claimed_failures), 1, 'down to one alone.');
select is(tocsin_internal.ingest(), 1::bigint, 'When that one goes well,');
select is(tocsin_internal.claim_failures(now() + interval '5 minutes'), 4::bigint,
  'the bites grow again.');
select from tocsin_internal.ingest();
select tocsin_internal.tick() from generate_series(1, 9);
select is((select count(*)::int from tocsin.error_metrics), 300,
  'In the end each failure is stored once.');

select * from finish();
rollback;
