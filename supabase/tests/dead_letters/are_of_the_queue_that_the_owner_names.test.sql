begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
select pgmq."create"('orders');
select pgmq."create"('emails');
select pgmq."create"('dead');
select from pgmq.send('orders', '{"id": 1}');
select from pgmq.send('dead', '{"id": 2}');

-- an operator who would handle another queue's live messages as dead letters
set local role authenticated;
set local request.jwt.claims = '{"role": "authenticated",
  "sub": "00000000-0000-4000-8000-0000000000ff"}';
select lives_ok($$select tocsin.watch_queue('emails', p_options => '{"poison_reads": 3}')$$,
  'An operator says something of a queue,');
select throws_ok($$select tocsin.watch_queue('emails', p_options =>
  '{"dead_letter_queue": "orders"}')$$, 'TC094', null, 'but not whose messages are dead letters,');
select throws_ok($$update tocsin.queues set dead_letter_queue = 'orders'
  where queue_name = 'emails'$$, 'TC094', null, 'by no way.');
reset role;

select from tocsin.watch_queue('emails', p_options => '{"dead_letter_queue": "dead"}');
select is(tocsin.replay_dead_letters('emails', array[1::bigint]), 1::bigint,
  'The owner does, and they can be sent again;');
select from tocsin.watch_queue('orders', p_options => '{"dead_letter_queue": "dead"}');
select throws_ok($$select tocsin.replay_dead_letters('emails', array[1::bigint])$$, 'TC096', null,
  'where two queues share one, nobody can tell to which.');

select * from finish();
rollback;
