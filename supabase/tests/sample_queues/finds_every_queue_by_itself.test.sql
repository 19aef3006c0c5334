begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select from pgmq."create"('emails');
select from pgmq.create_unlogged('thumbnails');
select is(tocsin_internal.sample_queues(now()), 6::bigint, 'It looks at each queue there is,');
select results_eq($$select queue_name, status::text from tocsin.queue_health order by 1$$, $$values
  ('emails', 'idle'), ('thumbnails', 'idle'), ('tocsin_deliveries', 'idle'),
  ('tocsin_deliveries_dlq', 'idle'), ('tocsin_failures', 'idle'), ('tocsin_failures_dlq', 'idle')
$$, 'its own like any other.');
select is(tocsin_internal.sample_queues(now() + interval '5 seconds'), 0::bigint,
  'They are looked at each 10 seconds.');
select from tocsin.watch_queue('emails', p_options => '{"ignore": true}');
select from tocsin.watch_queue('thumbnails', p_options => '{"interval": "1 minute"}');
select is(tocsin_internal.sample_queues(now() + interval '10 seconds'), 4::bigint,
  'One that is ignored is not, and one with an interval of its own when that is over.');
select is_empty($$select from tocsin.queue_health where queue_name = 'emails'$$,
  'What is ignored is not told.');

select * from finish();
rollback;
