begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(14);

select from pgmq."create"('orders');
select from pgmq."create"('orders_dead');
select from tocsin.watch_queue('orders', p_options => '{"dead_letter_queue": "orders_dead",
  "dead_letter_payload": "message", "project_id": "p"}');
select from pgmq.send_batch('orders_dead', array[
  '{"message": {"order": 1, "password": "hunter2"}, "error": "no such product"}',
  '{"message": {"order": 2}, "error": {"message": "card 4111 1111 1111 1111 refused"}}',
  '{"message": "{\"order\": 3}", "error": "late"}', '{"order": 4}']::jsonb[]);
insert into tocsin.redaction_rules (project_id, name, kind, value) values ('p', 'orders', 'key',
  'order');

select results_eq($$select msg_id, dead_letter_queue, error from
  tocsin.list_dead_letters('orders')$$, $$values
  (4::bigint, 'orders_dead', null), (3, 'orders_dead', 'late'),
  (2, 'orders_dead', 'card [redacted:card] refused'), (1, 'orders_dead', 'no such product')$$,
  'They are listed with their error, newest first, without secrets.');
select results_eq($$select msg_id from tocsin.list_dead_letters('orders', p_limit => 2,
  p_before => 4)$$, array[3::bigint, 2], 'The next page.');
select results_eq($$select letter -> 'message' #>> '{message,password}',
    letter -> 'message' #>> '{message,order}', letter ->> 'read_count'
  from tocsin.inspect_dead_letter('orders', 1) as letter$$,
  $$values ('[redacted:secret]', '[redacted:secret]', '0')$$,
  'What is inspected is redacted, by the project''s own rules as well.');
select throws_ok($$select tocsin.inspect_dead_letter('orders', 99)$$, 'TC097',
  'The queue "orders" has no dead letter 99', 'One that is not there cannot be inspected.');

select is(tocsin.replay_dead_letters('orders', array[1, 3]), 2::bigint, 'Two are sent again:');
select results_eq('select message from pgmq.q_orders order by msg_id', $$values
  ('{"order": 1, "password": "hunter2"}'::jsonb), ('{"order": 3}')$$, 'as they were first,');
select results_eq('select msg_id from pgmq.q_orders_dead order by 1', array[2::bigint, 4],
  'and are dead letters no more.');
select is(tocsin.replay_dead_letters('orders', array[1, 3]), 0::bigint, 'Not a second time.');
select throws_ok($$select tocsin.replay_dead_letters('orders', array[2, 4])$$, 'TC097',
  'A dead letter of "orders" has no "message"', 'One without the part that is named stops all:');
select is((select count(*) from pgmq.q_orders), 2::bigint, 'none is sent.');
select is(tocsin.drop_dead_letters('orders', array[2, 4, 99]), 2::bigint, 'Two are dropped.');
select results_eq($$select action, msg_id, new_msg_id from tocsin.dead_letter_actions order by
  action_id$$, $$values ('replayed', 1::bigint, 1::bigint), ('replayed', 3, 2),
  ('dropped', 2, null), ('dropped', 4, null)$$, 'It is kept what became of each.');
select throws_ok($$select from tocsin.list_dead_letters('orders_dead')$$, 'TC096',
  'The queue "orders_dead" names no dead-letter queue that is there', 'A queue has to name one.');
select throws_ok($$select from tocsin.list_dead_letters('orders', 'pgboss')$$, 'TC095', null,
  'pg-boss looks after its own.');

select * from finish();
rollback;
