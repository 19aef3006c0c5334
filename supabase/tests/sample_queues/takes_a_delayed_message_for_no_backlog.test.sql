begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create function pg_temp.at(p_time interval) returns timestamptz language sql stable as $$
  select date_trunc('minute', now()) - interval '1 hour' + p_time$$;
create function pg_temp.beats(p_from interval, p_to interval) returns void language sql as $$
  select tocsin_internal.sample_queues(at), tocsin_internal.evaluate(at)
  from generate_series(pg_temp.at(p_from), pg_temp.at(p_to), '10 seconds') as at$$;

select from pgmq."create"('reminders');
insert into tocsin.alert_settings (name, kind, parameters) values
  ('stalled', 'queue_stalled', '{}'), ('age', 'queue_age', '{"threshold": 10}'),
  ('length', 'queue_length', '{"threshold": 1}');
select from pgmq.send_batch('reminders', array(select '{}'::jsonb from generate_series(1, 500)),
  86400);
select pg_temp.beats('0', '12 minutes');
select results_eq($$select status::text, ready_count, delayed_count, oldest_age_seconds,
  drain_seconds, reason ~ '^Nothing is due: 500 delayed, the next in 24.\d h\.$'
  from tocsin_internal.queue_states where queue_name = 'reminders'$$,
  $$values ('idle', 0::bigint, 500::bigint, null::double precision, 0::double precision, true)$$,
  'Messages that are not due are no backlog and have no age.');
select is_empty('select from tocsin.alerts', 'No alert tells of them.');
select is((select count(*) from tocsin.queue_metrics where queue_name = 'reminders'), 13::bigint,
  'A queue that does nothing is kept once a minute.');
update pgmq.q_reminders set vt = pg_temp.at('12 minutes') where msg_id <= 3;
select pg_temp.beats('12 minutes 10 seconds', '12 minutes 20 seconds');
select results_eq($$select ready_count, delayed_count, round(oldest_age_seconds)
  from tocsin.queue_health where queue_name = 'reminders'$$,
  $$values (3::bigint, 497::bigint, 20::double precision)$$,
  'One that is due is ready since then.');

select * from finish();
rollback;
