begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

insert into tocsin.queues (queue_name, project_id, found_at, dead_letter_queue) values
  ('emails', 'p', '2031-03-01Z', 'emails_dead'), ('emails_dead', 'p', '2031-03-01Z', null),
  ('other', 'q', '2031-03-01Z', null);
-- a sample each 30 seconds, until the time
create function pg_temp.sampled(p_until text, p_changes jsonb, p_queue_name text default 'emails')
returns void language sql as $$
  insert into tocsin.queue_metrics
  select (jsonb_populate_record(null::tocsin.queue_metrics, jsonb_build_object('kind', 'pgmq',
    'queue_name', p_queue_name, 'project_id', 'p', 'sampled_at', at, 'interval_seconds', 30,
    'status', 'healthy', 'ready_count', 0, 'delayed_count', 0, 'in_flight_count', 0,
    'is_capped', false, 'enqueued_count', 0, 'finished_count', 0, 'last_read_at', at)
    || p_changes)).*
  from generate_series(coalesce((select max(sampled_at) + interval '30 seconds'
    from tocsin.queue_metrics where queue_name = p_queue_name), '2031-03-01 12:00Z'),
    ('2031-03-01 ' || p_until || 'Z')::timestamptz, '30 seconds') as at$$;
create function pg_temp.judged(p_from text, p_to text) returns void language sql as $$
  select tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(('2031-03-01 ' || p_from || 'Z')::timestamptz,
    ('2031-03-01 ' || p_to || 'Z')::timestamptz, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.project_id || '/' || a.workflow_id || coalesce(' ' || round(t.value::numeric, 1), '')
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.workflow_id$$;

insert into tocsin.alert_settings (name, kind, project_id)
values ('errors', 'queue_error_rate', 'p');
select pg_temp.sampled('12:10', '{"finished_count": 10, "failed_count": 0}');
select pg_temp.judged('12:06', '12:10');
select is_empty('select * from pg_temp.story()', 'Nothing fails, and it is calm.');
select pg_temp.sampled('12:11', '{"finished_count": 10, "failed_count": 2}');
select pg_temp.sampled('12:20', '{"finished_count": 10, "failed_count": 0}');
select pg_temp.judged('12:11', '12:20');
select is_empty('select * from pg_temp.story()', '4 of 100 are under the limit of 5 %.');
select pg_temp.sampled('12:21', '{"finished_count": 10, "failed_count": 3}');
select pg_temp.sampled('12:30', '{"finished_count": 10, "failed_count": 0}');
select pg_temp.judged('12:21', '12:25');
select results_eq('select * from pg_temp.story()', $$values ('12:21 fired p/emails 6.0')$$,
  '6 of 100 fire once.');
select is((select title from tocsin.alerts),
  'Queue emails: 6 % of 100 finished messages failed (limit 5 %)', 'In words.');
select pg_temp.judged('12:26', '12:30');
select results_eq('select * from pg_temp.story()', $$values ('12:21 fired p/emails 6.0'),
  ('12:26 resolved p/emails 0.0')$$, 'Five minutes without, and it is over.');
select pg_temp.sampled('12:36', '{"failed_count": 0}');
select pg_temp.sampled('12:40', '{"finished_count": 1, "failed_count": 1}');
select pg_temp.judged('12:36', '12:40');
select results_eq($$select * from pg_temp.story() as story where story > '12:27'$$,
  array[]::text[], 'Of 10 messages nothing is said, even when all fail.');
update tocsin.alert_settings set parameters = '{"of": "retried", "threshold": 40}';
select pg_temp.sampled('12:50', '{"finished_count": 10, "retry_share": 0.5}');
select pg_temp.judged('12:46', '12:50');
select results_eq($$select * from pg_temp.story() as story where story > '12:27'$$,
  $$values ('12:41 fired p/emails 50.0')$$, 'What is read more than once may be judged instead.');

select * from finish();
rollback;
