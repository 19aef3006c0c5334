begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

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

select from pgmq."create"('burst');
insert into tocsin.alert_settings (name, kind) values ('stalled', 'queue_stalled'),
  ('length', 'queue_length'), ('letters', 'queue_dead_letters'), ('age', 'queue_age');
select pg_temp.beats('0', '1 minute 20 seconds');
select from pgmq.send_batch('burst', array(select '{}'::jsonb from generate_series(1, 100000)));
update pgmq.q_burst set vt = pg_temp.at('1 minute 25 seconds');
-- the first is taken
update pgmq.q_burst set vt = pg_temp.at('30 minutes'), read_ct = 1,
  last_read_at = pg_temp.at('1 minute 26 seconds') where msg_id = 1;
select pg_temp.beats('1 minute 30 seconds', '1 minute 30 seconds');
select results_eq($$select status::text, ready_count, is_capped, enqueued_per_second > 1000,
  reason like '100,000 more than five minutes ago: over 10,000 are ready now. %'
  from tocsin_internal.queue_states where queue_name = 'burst'$$,
  $$values ('backing_up', 10000::bigint, true, true, true)$$,
  'A burst is backing up; what is over 10,000 is not counted.');
select pg_temp.beats('1 minute 40 seconds', '2 minutes 10 seconds');
select results_eq('select * from pg_temp.story()', $$values ('2 queue_length fired burst')$$,
  'One alert tells of it.');
select is((select title from tocsin.alerts), 'Queue burst has 10000 messages waiting (limit '
  || '1000)', 'In words.');

-- half of what is left in each ten seconds, from the front
delete from pgmq.q_burst where msg_id between 2 and 95000;
select pg_temp.beats('2 minutes 20 seconds', '2 minutes 20 seconds');
select pg_temp.beats('2 minutes 30 seconds', '2 minutes 30 seconds');
delete from pgmq.q_burst where msg_id between 95001 and 97000;
select pg_temp.beats('2 minutes 40 seconds', '2 minutes 40 seconds');
select results_eq($$select finished_count, is_capped, ready_count from tocsin.queue_metrics
  where queue_name = 'burst' order by sampled_at desc limit 1$$,
  $$values (2000::bigint, false, 3000::bigint)$$, 'What is finished is counted by what is left.');
select ok((select drain_seconds between 1.5 and 2.5 from tocsin.queue_health
  where queue_name = 'burst'), 'It is empty in two seconds, at the pace of the last minute.');
delete from pgmq.q_burst;
select pg_temp.beats('2 minutes 50 seconds', '9 minutes 10 seconds');
select results_eq('select * from pg_temp.story()', $$values ('2 queue_length fired burst'),
  ('3 queue_length resolved burst')$$, 'Empty again it is over.');

select * from finish();
rollback;
