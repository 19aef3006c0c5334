begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create function pg_temp.at(p_time interval) returns timestamptz language sql stable as $$
  select date_trunc('minute', now()) - interval '1 hour' + p_time$$;
create function pg_temp.beats(p_from interval, p_to interval) returns void language sql as $$
  select tocsin_internal.sample_queues(at), tocsin_internal.evaluate(at)
  from generate_series(pg_temp.at(p_from), pg_temp.at(p_to), '10 seconds') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select extract(epoch from t.at - pg_temp.at('0'))::int / 60 || ' ' || a.kind || ' '
    || t.transition || ' ' || a.workflow_id
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.kind$$;
-- a consumer reads the message and fails: it comes back at once
create function pg_temp.fails(p_times int) returns void language plpgsql as $$
begin
  for i in 1 .. p_times loop
    perform pgmq.read('orders', 0, 1);
  end loop;
end
$$;

select from pgmq."create"('orders');
select from pgmq."create"('orders_dead');
select from tocsin.watch_queue('orders', p_options => '{"dead_letter_queue": "orders_dead"}');
insert into tocsin.alert_settings (name, kind) values ('stalled', 'queue_stalled'),
  ('age', 'queue_age'), ('length', 'queue_length'), ('letters', 'queue_dead_letters');
select from pgmq.send('orders', '{"order": 1}');
select pg_temp.fails(5);
update pgmq.q_orders set vt = pg_temp.at('0'), last_read_at = pg_temp.at('0');
select pg_temp.beats('0', '1 minute 10 seconds');
select is_empty('select * from pg_temp.story()', 'Five reads are not too many,');
select pg_temp.fails(1);
update pgmq.q_orders set vt = pg_temp.at('1 minute 10 seconds'),
  last_read_at = pg_temp.at('1 minute 10 seconds');
select pg_temp.beats('1 minute 20 seconds', '2 minutes 10 seconds');
select results_eq('select * from pg_temp.story()',
  $$values ('2 queue_dead_letters fired orders')$$, 'the sixth is: the message is poison.');
select is((select poison_count || ' ' || status || ': ' || reason
  from tocsin_internal.queue_states where queue_name = 'orders'),
  '1 slow: The oldest of 1 ready has waited for 60 s. 0.0/s come in, 0.0/s are finished: at this '
  || 'pace it does not drain. 1 message was read more than 5 times.', 'The reason says so.');
select is((select retry_share from tocsin.queue_health where queue_name = 'orders'),
  1::double precision, 'All that was read was read more than once.');

-- its consumer gives it up
select from pgmq.send('orders_dead', '{"order": 1, "error": "no such product"}');
select from pgmq."delete"('orders', 1);
select pg_temp.beats('2 minutes 20 seconds', '3 minutes 10 seconds');
select results_eq($$select dead_letter_count, poison_count, error_rate
  from tocsin.queue_health where queue_name = 'orders'$$,
  $$values (1::bigint, 0::bigint, 1::double precision)$$,
  'It is a dead letter, and all that was finished has failed.');
select pg_temp.beats('3 minutes 20 seconds', '15 minutes');
select results_eq($$select status, reason, is_dead_letter_queue from tocsin_internal.queue_states
  where queue_name = 'orders_dead'$$, $$values ('idle'::tocsin.queue_status,
  '1 dead letter waits to be looked at.', true)$$,
  'Nobody is meant to read dead letters in time: their queue is not stalled.');
select from pgmq."delete"('orders_dead', 1);
select pg_temp.beats('15 minutes 10 seconds', '17 minutes');
select results_eq('select * from pg_temp.story()', $$values ('2 queue_dead_letters fired orders'),
  ('16 queue_dead_letters resolved orders')$$, 'One alert, from the poison to the letter''s end.');

select * from finish();
rollback;
