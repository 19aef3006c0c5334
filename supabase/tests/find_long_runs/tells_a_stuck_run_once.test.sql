-- MeshHook as it is: no index that helps, and a run that failed goes on saying that it runs.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table workflow_runs (id uuid primary key default gen_random_uuid(), project_id uuid,
  workflow_id uuid, status text default 'running' check (status in ('running', 'succeeded',
    'failed', 'paused', 'canceled')), started_at timestamptz, finished_at timestamptz);
create table workflow_events (id bigint generated always as identity, run_id uuid,
  ts timestamptz, type text, payload jsonb);
create table workflow_definitions (id uuid primary key, slug text);
insert into workflow_definitions values ('22222222-0000-4000-8000-000000000001', 'crm-sync');
select from tocsin.watch_runs('workflow_runs', 'meshhook');
update tocsin.run_sources set watched_at = '2026-03-01Z';
insert into tocsin.alert_settings (name) values ('failed runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('me', 'email', '{a@b.example}');
insert into tocsin.alert_setting_channels select setting_id, channel_id
  from tocsin.alert_settings, tocsin.alert_channels;

create function pg_temp.beat(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.run_stage(stage, at)
  from generate_series(p_from, p_to, '1 minute') as at
  cross join unnest(array['roll_up', 'find_long_runs', 'ingest_reports']) as stage$$;

insert into workflow_runs (id, project_id, workflow_id, status, started_at) values
  ('11111111-0000-4000-8000-000000000001', '33333333-0000-4000-8000-000000000001',
    '22222222-0000-4000-8000-000000000001', 'running', '2026-03-01 12:00Z'),
  ('11111111-0000-4000-8000-000000000002', '33333333-0000-4000-8000-000000000001',
    '22222222-0000-4000-8000-000000000001', 'paused', '2026-03-01 12:00Z'),
  ('11111111-0000-4000-8000-000000000003', '33333333-0000-4000-8000-000000000001',
    '22222222-0000-4000-8000-000000000001', 'running', '2026-03-01 12:00Z'),
  ('11111111-0000-4000-8000-000000000004', '33333333-0000-4000-8000-000000000001',
    '22222222-0000-4000-8000-000000000001', 'running', '2026-02-28 12:00Z');
insert into workflow_events (run_id, ts, type, payload) values
  ('11111111-0000-4000-8000-000000000003', '2026-03-01 12:02Z', 'step_failed', '{"attempt": 5}');

select pg_temp.beat('2026-03-01 12:05Z', '2026-03-01 12:59Z');
select is_empty('select * from tocsin.error_metrics where origin = ''stuck''',
  'Within the hour that the preset allows nobody hears of it.');
select pg_temp.beat('2026-03-01 13:00Z', '2026-03-01 15:00Z');
select results_eq($$
  select run_id, error_type::text, severity::text, workflow_name, message, timestamp
  from tocsin.error_metrics where origin = 'stuck'
$$, $$
  values ('11111111-0000-4000-8000-000000000001', 'timeout', 'high', 'crm-sync',
    'Still running after 1 hour', '2026-03-01 13:00Z'::timestamptz)
$$, 'Then it is a failure event, once: not what is paused, failed, or older than the watch.');
select results_eq($$
  select decision::text, content ->> 'title' from tocsin.alert_logs l
  join tocsin.notifications n using (notification_id)
  where run_id = '11111111-0000-4000-8000-000000000001'
$$, $$values ('notified', 'crm-sync is stuck: Still running after 1 hour')$$,
  'Who hears of failed runs hears of it.');
select ok(exists (select from tocsin.explain_run('11111111-0000-4000-8000-000000000001')
  where story = 'The run is stuck: Still running after 1 hour'), 'Its story says so.');

update workflow_runs set status = 'failed', finished_at = '2026-03-01 15:00:30Z'
where id = '11111111-0000-4000-8000-000000000001';
select pg_temp.beat('2026-03-01 15:01Z', '2026-03-01 15:02Z');
select is((select ended_at from tocsin_internal.long_runs
  where run_id = '11111111-0000-4000-8000-000000000001'), '2026-03-01 15:00:30Z'::timestamptz,
  'Its end is noticed.');
select is((select way from tocsin_internal.run_searches), 'sweep',
  'MeshHook''s runs have no index on their start times: they are looked through page by page.');

select * from finish();
rollback;
