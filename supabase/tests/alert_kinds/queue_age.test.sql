begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

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

insert into tocsin.alert_settings (name, kind, project_id) values ('age', 'queue_age', 'p');
select pg_temp.sampled('12:05', '{}');
select pg_temp.judged('12:01', '12:05');
select is_empty('select * from pg_temp.story()', 'A queue without messages has no age.');
select pg_temp.sampled('12:10', '{"ready_count": 1, "oldest_age_seconds": 300}');
select pg_temp.judged('12:06', '12:10');
select is_empty('select * from pg_temp.story()', 'At its limit it is calm.');
select pg_temp.sampled('12:15', '{"ready_count": 1, "oldest_age_seconds": 301}');
select pg_temp.judged('12:11', '12:15');
select results_eq('select * from pg_temp.story()', $$values ('12:11 fired p/emails 301.0')$$,
  'Over it, it fires once.');
select is((select title from tocsin.alerts),
  'The oldest message of queue emails has waited for 5 min (limit 300 s)', 'In words.');
select pg_temp.sampled('12:20', '{}');
select pg_temp.judged('12:16', '12:20');
select results_eq('select * from pg_temp.story()', $$values ('12:11 fired p/emails 301.0'),
  ('12:16 resolved p/emails 0.0')$$, 'When it is empty again it is over.');

select * from finish();
rollback;
