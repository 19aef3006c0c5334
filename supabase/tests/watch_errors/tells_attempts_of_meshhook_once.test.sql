begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid,
  status text default 'running', started_at timestamptz default now(), finished_at timestamptz);
create table workflow_events (id bigint generated always as identity, run_id uuid,
  ts timestamptz, type text, payload jsonb, primary key (id, ts)) partition by range (ts);
create table workflow_events_all partition of workflow_events default;
create table job_tracking (msg_id bigint, run_id uuid, attempt int, max_attempts int,
  failed_at timestamptz, moved_to_dlq_at timestamptz, error_message text);
create table workflow_definitions (id uuid primary key, slug text);
select from tocsin.watch_errors('workflow_events', 'meshhook');
insert into workflow_definitions values ('22222222-0000-4000-8000-000000000001', 'crm-sync');
insert into workflow_runs (id, project_id, workflow_id)
values ('11111111-0000-4000-8000-000000000001',
  '33333333-0000-4000-8000-000000000001', '22222222-0000-4000-8000-000000000001');
create function pg_temp.attempt(p_attempt int) returns void language sql as $$
  insert into workflow_events (run_id, ts, type, payload) values
    ('11111111-0000-4000-8000-000000000001', '2026-03-04 10:00Z'::timestamptz
      + make_interval(mins => p_attempt), 'step_started', '{"attempt": 9}'),
    ('11111111-0000-4000-8000-000000000001', '2026-03-04 10:00Z'::timestamptz
      + make_interval(mins => p_attempt), 'step_failed', jsonb_build_object('node',
      '{"id": "createContact", "type": "http_call"}'::jsonb, 'attempt', p_attempt,
      'error', 'HTTP 502, attempt ' || p_attempt))
$$;
select pg_temp.attempt(n) from generate_series(1, 5) as n;
select from tocsin_internal.tick();
select results_eq($$
  select attempt, origin::text, project_id, workflow_id, workflow_name, node, message, http_status
  from tocsin.error_metrics order by attempt limit 1
$$, $$
  values (1, 'event', '33333333-0000-4000-8000-000000000001',
    '22222222-0000-4000-8000-000000000001', 'crm-sync', 'createContact', 'HTTP 502, attempt 1', 502)
$$, 'Each attempt that failed is an error, with its run''s project and workflow.');
select is((select count(*)::int from tocsin.error_metrics), 5,
  'Where runs are not watched, the last attempt is one as well.');
delete from tocsin.error_metrics;
select from tocsin.watch_runs('workflow_runs', 'meshhook');
select pg_temp.attempt(n) from generate_series(1, 5) as n;
select from tocsin_internal.tick();
select bag_eq($$select attempt, origin::text, source_id from tocsin.error_metrics$$,
  $$values (1, 'event', 'workflow_runs'), (2, 'event', 'workflow_runs'),
    (3, 'event', 'workflow_runs'), (4, 'event', 'workflow_runs'), (5, 'run', 'workflow_runs')$$,
  'Where they are, the failure of the run tells the last attempt.');
select is_empty('select from tocsin_internal.reported_errors', 'Nothing is left in the queue.');

select * from finish();
rollback;
