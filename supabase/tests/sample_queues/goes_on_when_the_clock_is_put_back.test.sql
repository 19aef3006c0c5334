begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select pgmq."create"('orders');
select tocsin_internal.find_queues('2032-03-04 10:00Z');
update tocsin.queues set is_ignored = queue_name <> 'orders';
select tocsin_internal.sample_queues('2032-03-04 10:00Z');
select pgmq.send('orders', '{}');
select tocsin_internal.sample_queues('2032-03-04 09:00Z');
select results_eq($$select sampled_at, ready_count, enqueued_per_second
    from tocsin.queue_health where queue_name = 'orders'$$,
  $$values ('2032-03-04 09:00Z'::timestamptz, 1::bigint, null::double precision)$$,
  'It is looked at all the same, and nothing is reckoned over a time that was none.');
select pgmq.send('orders', '{}');
select tocsin_internal.sample_queues('2032-03-04 09:00:10Z');
select results_eq($$select enqueued_per_second from tocsin.queue_health
    where queue_name = 'orders'$$, array[0.1::double precision],
  'From then on rates are known as before.');

select * from finish();
rollback;
