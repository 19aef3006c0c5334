begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

select from pgmq.send('tocsin_failures', jsonb_build_object('error_id', gen_random_uuid(),
  'failed_at', now()));
select tocsin_internal.claim_failures(now() + n * interval '11 seconds')
from generate_series(1, 5) as n;
select is_empty($$select msg_id from pgmq.q_tocsin_failures_dlq$$,
  'A message that killed ingestion four times is tried a fifth time.');
select from tocsin_internal.claim_failures(now() + interval '66 seconds');

select is((select count(*)::int from pgmq.q_tocsin_failures_dlq), 1,
  'Then it goes to the dead letters.');
select is_empty($$select msg_id from pgmq.q_tocsin_failures$$, 'And is out of the way.');

select * from finish();
rollback;
