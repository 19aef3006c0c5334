begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

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

insert into tocsin.alert_settings (name, kind, project_id, parameters)
values ('time', 'queue_processing_time', 'p', '{"threshold": 30}'),
  ('wait', 'queue_processing_time', 'p', '{"threshold": 2, "of": "wait", "percentile": "p99"}');
select pg_temp.sampled('12:05', '{"processing_p50_seconds": 3, "processing_p95_seconds": 30,
  "processing_p99_seconds": 90, "wait_p95_seconds": 5, "wait_p99_seconds": 2}');
select pg_temp.judged('12:01', '12:05');
select is_empty('select * from pg_temp.story()', 'At its limit it is calm, whatever others are.');
select pg_temp.sampled('12:10', '{"processing_p95_seconds": 31, "wait_p99_seconds": 1}');
select pg_temp.judged('12:06', '12:10');
select results_eq('select * from pg_temp.story()', $$values ('12:06 fired p/emails 31.0')$$,
  'Over it, it fires once.');
select is((select title from tocsin.alerts),
  'Queue emails: p95 of the processing time is 31 s (limit 30 s)', 'In words.');
select pg_temp.sampled('12:15', '{}');
select pg_temp.judged('12:11', '12:15');
select results_eq('select * from pg_temp.story()', $$values ('12:06 fired p/emails 31.0')$$,
  'When nobody can tell how long it takes, it goes on.');
select pg_temp.sampled('12:20', '{"processing_p95_seconds": 10}');
select pg_temp.judged('12:16', '12:20');
select results_eq('select * from pg_temp.story()', $$values ('12:06 fired p/emails 31.0'),
  ('12:16 resolved p/emails 10.0')$$, 'Faster again it is over.');
select pg_temp.sampled('12:25', '{"processing_p95_seconds": 50, "wait_p99_seconds": 3}');
select pg_temp.judged('12:21', '12:25');
select pg_temp.sampled('12:30', '{"status": "idle"}');
select pg_temp.judged('12:26', '12:30');
select results_eq($$select * from pg_temp.story() as story where story > '12:20'
  order by story $$, $$values ('12:21 fired p/emails 3.0'), ('12:21 fired p/emails 50.0'),
  ('12:26 resolved p/emails 0.0'), ('12:26 resolved p/emails 0.0')$$,
  'A queue that does nothing is within its limit.');

select * from finish();
rollback;
