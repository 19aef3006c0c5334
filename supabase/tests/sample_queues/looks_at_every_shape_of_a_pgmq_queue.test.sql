begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

create function pg_temp.figures(p_queue_name text) returns text language sql as $$
  select concat_ws(' ', status, ready_count, delayed_count, in_flight_count, is_capped,
    array_to_string(unknown, ','))
  from tocsin.queue_health where queue_name = p_queue_name$$;

select from pgmq.create_unlogged('thumbs');
select from pgmq."create"('Order "Items" %s');
-- what pgmq makes of a partitioned queue, whose partitions pg_partman would make
create table pgmq.q_events (msg_id bigint generated always as identity, read_ct int default 0
  not null, enqueued_at timestamptz default now() not null, last_read_at timestamptz,
  vt timestamptz not null, message jsonb, headers jsonb) partition by range (msg_id);
create index q_events_part_idx on pgmq.q_events (msg_id);
create table pgmq.q_events_p0 partition of pgmq.q_events for values from (0) to (10000);
create table pgmq.q_events_p10000 partition of pgmq.q_events for values from (10000) to (30000);
create table pgmq.a_events (like pgmq.q_events, archived_at timestamptz default now() not null)
  partition by range (msg_id);
create index archived_at_idx_events on pgmq.a_events (archived_at);
create table pgmq.a_events_p0 partition of pgmq.a_events default;
insert into pgmq.meta (queue_name, is_partitioned, is_unlogged) values ('events', true, false);
-- the columns of pgmq 1.4.4
create table pgmq.q_old (msg_id bigint primary key generated always as identity, read_ct int
  default 0 not null, enqueued_at timestamptz default now() not null, vt timestamptz not null,
  message jsonb);
create index q_old_vt_idx on pgmq.q_old (vt);
create table pgmq.a_old (like pgmq.q_old, archived_at timestamptz default now() not null);
create index archived_at_idx_old on pgmq.a_old (archived_at);
insert into pgmq.meta (queue_name, is_partitioned, is_unlogged) values ('old', false, false);

select pgmq.send_batch(q, '{1,2,3}'::jsonb[])
from unnest(array['thumbs', 'Order "Items" %s', 'events']) as q;
select pgmq.send_batch(q, '{4,5}'::jsonb[], 3600)
from unnest(array['thumbs', 'Order "Items" %s', 'events']) as q;
select pgmq.read(q, 30, 1) from unnest(array['thumbs', 'Order "Items" %s', 'events']) as q;
insert into pgmq.q_old (vt, read_ct, message) values (clock_timestamp(), 0, '1'),
  (clock_timestamp(), 0, '2'), (clock_timestamp() + '30 seconds', 1, '3'),
  (clock_timestamp() + '1 hour', 0, '4'), (clock_timestamp() + '1 hour', 0, '5');
select tocsin_internal.sample_queues(clock_timestamp());

select is(pg_temp.figures('thumbs'), 'healthy 2 2 1 f error_rate,dead_letters', 'Unlogged,');
select is(pg_temp.figures('Order "Items" %s'), 'healthy 2 2 1 f error_rate,dead_letters',
  'with a name that is to be quoted,');
select is(pg_temp.figures('events'), 'healthy 2 2 1 f error_rate,dead_letters', 'partitioned,');
select is(pg_temp.figures('old'), 'healthy 2 2 1 f wait,processing,error_rate,dead_letters',
  'or with the columns of pgmq 1.4.4: what cannot be known is said,');
select is((select unknown_because from tocsin.queue_health where queue_name = 'old'),
  'This pgmq is older than 1.10 and does not note when a message is read. It names no '
  || 'dead-letter queue: pgmq itself does not know what failed.', 'and why.');

insert into pgmq.q_events (vt) select clock_timestamp() from generate_series(1, 12000);
insert into pgmq.q_old (vt) select clock_timestamp() from generate_series(1, 12000);
select tocsin_internal.sample_queues(clock_timestamp() + '10 seconds');
select is(pg_temp.figures('events'), 'backing_up 9998 2 1 t error_rate,dead_letters',
  'Of a partitioned queue the first 10,000 are counted, in its own order.');
select results_eq($$select enqueued_count, finished_count from tocsin.queue_metrics
  where queue_name = 'old' order by sampled_at desc limit 1$$,
  $$values (12000::bigint, 0::bigint)$$, 'The sequence says how many came in.');

-- a queue that cannot be read hinders no other
drop table pgmq.q_old;
select tocsin_internal.sample_queues(clock_timestamp() + '20 seconds');
select results_eq($$select queue_name, split_part(reason, '.', 1)
  from tocsin.queue_health where sampled_at < clock_timestamp() + '15 seconds'$$,
  $$values ('old', 'It could not be looked at: its table pgmq')$$,
  'One that cannot be looked at says so, and the others go on.');

select * from finish();
rollback;
