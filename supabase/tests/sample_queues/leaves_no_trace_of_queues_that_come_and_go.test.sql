begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select pgmq."create"('imports');
select pgmq."create"('orders');
select tocsin_internal.find_queues('2026-03-04 10:00Z');
select is_empty($$select record_id from tocsin.configuration_changes where record = 'queues'$$,
  'What the heart finds is no change of what people set.');
update tocsin.queues set created_at = created_at - interval '1 day',
  updated_at = updated_at - interval '1 day';
delete from tocsin.configuration_changes;

select from tocsin.watch_queue('orders', p_options => '{"slow_after": "5 minutes"}');
select results_eq($$select record_id, action from tocsin.configuration_changes
  where record = 'queues'$$, $$values ('pgmq/orders', 'update')$$,
  'What somebody says of a queue is one.');

select pgmq.drop_queue('imports');
select pgmq.drop_queue('orders');
select tocsin_internal.find_queues('2026-03-05 10:00Z');
select results_eq($$select queue_name from tocsin.queues
  where dropped_at = '2026-03-05 10:00Z' order by 1$$, array['imports', 'orders'],
  'Queues that were dropped are known for a week,');
select pgmq."create"('exports');
select tocsin_internal.find_queues('2026-03-12 10:01Z');
select results_eq($$select queue_name from tocsin.queues where dropped_at is not null$$,
  array['orders'], 'then only those of which somebody said something.');
select is((select count(*) from tocsin.configuration_changes where record = 'queues'), 1::bigint,
  'None of that is a change either.');

select * from finish();
rollback;
