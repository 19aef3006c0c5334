begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

-- a role of the host's own, which the Data API takes from the claim "role"
create role portal nologin;
grant authenticated to portal;
grant portal to postgres;
select pgmq."create"('orders');
select pgmq."create"('orders_dlq');
select from tocsin.watch_queue('orders', p_options => '{"dead_letter_queue": "orders_dlq"}');
select pgmq.send('orders_dlq', '{"card": "visa"}');

set local role portal;
set local request.jwt.claims =
  '{"sub": "00000000-0000-4000-8000-0000000000aa", "role": "portal"}';
select throws_ok($$select * from tocsin.list_dead_letters('orders')$$, 'TC094', null,
  'Whatever role somebody has who is no operator, they see no dead letter,');
select throws_ok($$select tocsin.inspect_dead_letter('orders', 1)$$, 'TC094', null,
  'not one of them,');
select throws_ok($$select tocsin.drop_dead_letters('orders', array[1])$$, 'TC094', null,
  'and drop none');
select throws_ok($$select tocsin.replay_dead_letters('orders', array[1])$$, 'TC094', null,
  'and replay none.');
select throws_ok($$select tocsin.watch_queue('orders')$$, 'TC094', null,
  'They say nothing of queues.');
select throws_ok($$select tocsin_internal.deliver_test(gen_random_uuid(), now())$$, 'TC011', null,
  'They try no channel that they may not edit.');
select throws_ok($$select tocsin.forward_again('sentry')$$, 'TC028', null,
  'They forward nothing again.');

-- who is connected to the database itself makes no claims
set local request.jwt.claims = '';
select is_empty('select * from tocsin.doctor()', 'Without claims they are told no findings');
select is_empty('select * from tocsin.self_metrics', 'and no figures.');
select throws_ok($$select tocsin.forward_again('sentry')$$, 'TC028', null,
  'They forward nothing then either.');

set local role service_role;
select results_eq($$select msg_id from tocsin.list_dead_letters('orders')$$, array[1::bigint],
  'The service needs no leave.');

select * from finish();
rollback;
