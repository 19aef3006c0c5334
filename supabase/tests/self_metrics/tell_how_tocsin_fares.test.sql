begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(14);

create function pg_temp.told(p_metric text, p_of text default '') returns numeric language sql as $$
  select round(value::numeric, 3)
  from tocsin_internal.measure_itself('2026-03-04 12:00Z')
  where metric = p_metric and of = p_of
$$;
select is_empty($$select from tocsin_internal.measure_itself('2026-03-04 12:00Z')
  where metric ~ 'latency|success|on_time'$$, 'What nothing is known of is left out.');
select is_empty($$select metric from tocsin_internal.self_metric_kinds()
  group by metric having count(*) > 1 or min(description) !~ '\.$'$$, 'Each is described once.');

insert into tocsin_internal.beats (minute_at, on_time_count, late_count, duration_ms, last_beat_at)
select at, 12, 0, 600, at + interval '55 s'
from generate_series('2026-03-04 11:00Z'::timestamptz, '2026-03-04 11:58Z', '1 minute') as at;
update tocsin_internal.beats set late_count = 12 where minute_at = '2026-03-04 11:30Z';
select is(pg_temp.told('heart_age'), 65.000, 'Since the last beat.');
-- 59 minutes of twelve, one gap of twelve, and thirteen that should have come since
select is(pg_temp.told('heart_on_time_30d'), round(708 / 733.0, 3),
  'The share of beats in time: what is missing now counts already.');
select is(pg_temp.told('heart_beat_duration_1h'), 0.050, 'What a beat takes.');

insert into tocsin_internal.stages values ('ingest', '2026-03-04 11:59:51Z', 250, 7)
on conflict (stage) do update set last_run_at = excluded.last_run_at, last_duration_ms = 250;
insert into tocsin_internal.stage_hours values ('ingest', '2026-03-04 11:00Z', 10, 1000, 400, 5);
select is(array[pg_temp.told('stage_age', 'ingest'), pg_temp.told('stage_duration', 'ingest'),
    pg_temp.told('stage_duration_24h', 'ingest'), pg_temp.told('stage_duration_max_24h', 'ingest')],
  array[9, 0.25, 0.1, 0.4], 'A stage''s age and cost.');
select tocsin_internal.record_fault('ingest', 'XX000', 'm', null, '2026-03-04 11:00Z');
select is(pg_temp.told('stage_faults_24h', 'ingest'), 1.000, 'Its faults.');

select pgmq.send('tocsin_failures', '{}');
select is(pg_temp.told('backlog', 'failures'), 1.000, 'What waits.');
insert into tocsin.alert_logs (event_id, decision, reason, source_id, project_id, workflow_id,
  severity, event_at, decided_at)
select gen_random_uuid(), 'unmatched', 'r', '', '', '', 'high',
  '2026-03-04 11:00Z'::timestamptz - n * interval '1 s', '2026-03-04 11:00Z'
from generate_series(1, 100) as n;
select is(array[pg_temp.told('detection_latency_24h', 'p50'),
    pg_temp.told('detection_latency_24h', 'p99')], array[50.5, 99.01], 'How fast it decides.');

insert into tocsin.notifications (notification_id, project_id, workflow_id, purpose, content,
  decided_at)
values ('00000000-0000-4000-8000-000000000001', '', '', 'first', '{}', '2026-03-04 11:00Z');
insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind, channel_name,
  state, next_attempt_at, created_at, delivered_at)
select '00000000-0000-4000-8000-000000000001', '', gen_random_uuid(), d.kind::tocsin.channel_kind,
  'x', d.state::tocsin.delivery_state, '2026-03-04 11:00Z', d.at, d.at + interval '2 s'
from (values ('email', 'delivered', '2026-03-04 11:00Z'::timestamptz),
  ('email', 'delivered', '2026-03-04 11:00Z'), ('webhook', 'dead', '2026-03-04 11:00Z'),
  ('webhook', 'delivered', '2026-03-04 11:00Z'), ('webhook', 'dead', '2026-03-02 11:00Z'),
  ('webhook', 'pending', '2026-03-04 11:00Z')) as d (kind, state, at);
select is(array[pg_temp.told('delivery_success_24h'), pg_temp.told('delivery_success_24h', 'email'),
    pg_temp.told('delivery_success_24h', 'webhook'), pg_temp.told('delivery_latency_24h', 'p95')],
  array[0.75, 1, 0.5, 2], 'How surely and how fast it delivers.');

select tocsin.note_api_requests('[
  {"route": "GET /metrics", "status_class": 2, "count": 9, "ms": 900, "durations": [100, 100]},
  {"route": "GET /metrics", "status_class": 5, "count": 1, "ms": 9, "durations": [9]}]',
  '2026-03-04 11:01Z');
select is(array[pg_temp.told('api_requests_24h', 'GET /metrics'),
    pg_temp.told('api_errors_24h', 'GET /metrics')], array[10.000, 1.000], 'The API''s requests.');
select ok(pg_temp.told('api_latency_24h', 'p50') between 0.095 and 0.105, 'Their latency.');

insert into tocsin.configuration_changes (record, record_id, action, after, changed_as, changed_at)
values ('silences', '1', 'insert', '{}', 'postgres', '2026-03-04 11:00Z');
select is(pg_temp.told('configuration_changes_24h', 'silences'), 1.000, 'What people changed.');
select is_empty($$select from tocsin_internal.measure_itself('2026-03-04 12:00Z')
  where metric is null or unit is null or value < 0$$, 'Each has a unit, and none is negative.');

select * from finish();
rollback;
