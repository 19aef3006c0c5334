begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

-- the clock of the test begins an hour ago
create function pg_temp.at(p_time interval) returns timestamptz language sql stable as $$
  select date_trunc('minute', now()) - interval '1 hour' + p_time$$;
create function pg_temp.beats(p_from interval, p_to interval) returns void language sql as $$
  select tocsin_internal.sample_queues(at), tocsin_internal.evaluate(at)
  from generate_series(pg_temp.at(p_from), pg_temp.at(p_to), '10 seconds') as at$$;
create function pg_temp.consume(p_at interval) returns void language plpgsql as $$
declare
  v_id bigint;
begin
  select msg_id into v_id from pgmq.read('emails', 30, 1);
  update pgmq.q_emails set last_read_at = pg_temp.at(p_at), vt = pg_temp.at(p_at) + '30 seconds'
  where msg_id = v_id;
end
$$;
create function pg_temp.health() returns text language sql as $$
  select status || ': ' || reason from tocsin_internal.queue_states where queue_name = 'emails'$$;
create function pg_temp.story() returns setof text language sql as $$
  select extract(epoch from t.at - pg_temp.at('0'))::int / 60 || ' ' || a.kind || ' '
    || t.transition || ' ' || a.workflow_id
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.kind$$;

select from pgmq."create"('emails');
select from tocsin.watch_queue('emails', p_options => '{"project_id": "p"}');
insert into tocsin.alert_settings (name, kind) values ('stalled', 'queue_stalled'),
  ('age', 'queue_age'), ('length', 'queue_length'), ('letters', 'queue_dead_letters'),
  ('errors', 'queue_error_rate'), ('time', 'queue_processing_time');
select from pgmq.send_batch('emails', array(select '{}'::jsonb from generate_series(1, 20)));
update pgmq.q_emails set vt = pg_temp.at('0'), enqueued_at = pg_temp.at('0');
select pg_temp.beats('0', '5 seconds');
select is(pg_temp.health(), 'healthy: 20 ready, 0 in flight. The oldest has waited for 0.0 s.',
  'At first nobody can tell that something is wrong.');

select pg_temp.consume('15 seconds');
select pg_temp.beats('20 seconds', '20 seconds');
select is((select last_read_at from tocsin.queue_health where queue_name = 'emails'),
  pg_temp.at('15 seconds'), 'A read is seen.');
select from pgmq.archive('emails', 1);
update pgmq.a_emails set archived_at = pg_temp.at('25 seconds');
select pg_temp.beats('30 seconds', '30 seconds');
select results_eq($$select finished_count, enqueued_count, round(interval_seconds::numeric),
    round(processing_p50_seconds::numeric, 1), round(wait_p50_seconds::numeric, 1)
    from tocsin.queue_metrics
    where queue_name = 'emails' order by sampled_at desc limit 1$$,
  $$values (1::bigint, 0::bigint, 10::numeric, 10.0, 15.0)$$,
  'What is finished, and how long it waited and took.');

-- the consumer stops: nothing is read any more
select pg_temp.beats('40 seconds', '1 minute 30 seconds');
select is(pg_temp.health(), 'slow: The oldest of 19 ready has waited for 90 s. 0.0/s come in, '
  || '0.0/s are finished: at this pace it does not drain.', 'It gets slow,');
select pg_temp.beats('1 minute 40 seconds', '4 minutes 20 seconds');
select is(pg_temp.health(), 'stalled: 19 ready, the oldest for 4 min, and nothing has been read '
  || 'for 4 min.', 'and is stalled when nothing has been read for two minutes.');
select pg_temp.beats('4 minutes 30 seconds', '9 minutes 10 seconds');
select results_eq('select * from pg_temp.story()', $$values ('6 queue_age fired emails'),
  ('6 queue_stalled fired emails')$$, 'Each alert of it fires once.');
select is((select title from tocsin.alerts where kind = 'queue_stalled'),
  'Nobody has read from queue emails for 6 min', 'In words.');
select is((select project_id || ' ' || source_id from tocsin.alerts where kind = 'queue_stalled'),
  'p pgmq', 'It belongs to the project of the queue.');

-- somebody reads again, and all of it
update pgmq.q_emails set last_read_at = pg_temp.at('9 minutes 15 seconds'), read_ct = 1,
  vt = pg_temp.at('9 minutes 45 seconds');
select pg_temp.beats('9 minutes 20 seconds', '9 minutes 20 seconds');
delete from pgmq.q_emails;
select pg_temp.beats('9 minutes 30 seconds', '16 minutes 10 seconds');
select results_eq('select * from pg_temp.story()', $$values ('6 queue_age fired emails'),
  ('6 queue_stalled fired emails'), ('10 queue_age resolved emails'),
  ('10 queue_stalled resolved emails')$$, 'and is resolved when somebody reads again.');

select * from finish();
rollback;
