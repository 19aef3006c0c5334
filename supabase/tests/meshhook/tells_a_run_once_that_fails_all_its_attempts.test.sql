-- The words of MeshHook's HTTP worker, in its order. The run itself is left running.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid,
  status text default 'running', started_at timestamptz default now(), finished_at timestamptz);
create table workflow_events (id bigint generated always as identity, run_id uuid,
  ts timestamptz, type text, payload jsonb, primary key (id, ts)) partition by range (ts);
create table workflow_events_y2026m03 partition of workflow_events
  for values from ('2026-03-01') to ('2026-04-01');
create table job_tracking (msg_id bigint, run_id uuid, attempt int, max_attempts int,
  failed_at timestamptz, moved_to_dlq_at timestamptz, error_message text);
create table workflow_definitions (id uuid primary key, slug text);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into workflow_definitions values ('22222222-0000-4000-8000-000000000001', 'crm-sync');
insert into workflow_runs (id, project_id, workflow_id)
values ('11111111-0000-4000-8000-000000000001',
  '33333333-0000-4000-8000-000000000001', '22222222-0000-4000-8000-000000000001');
insert into job_tracking (msg_id, run_id, attempt, max_attempts)
values (1, '11111111-0000-4000-8000-000000000001', 1, 5);

create function pg_temp.attempt(p_attempt int) returns void language sql as $$
  insert into workflow_events (run_id, ts, type, payload)
  select '11111111-0000-4000-8000-000000000001', '2026-03-04 10:00Z'::timestamptz
      + make_interval(mins => p_attempt, secs => place),
    type, payload
  from (values
    (1, 'step_started', '{"node": {"id": "createContact", "type": "http_call"}}'::jsonb),
    (2, 'http_attempted', '{"url": "https://crm.example/contacts", "status": 502}'),
    (3, 'step_failed', jsonb_build_object('node',
      '{"id": "createContact", "type": "http_call"}'::jsonb, 'attempt', p_attempt,
      'error', 'HTTP 502, attempt ' || p_attempt))
  ) as event (place, type, payload)
$$;

select pg_temp.attempt(n) from generate_series(1, 4) as n;
select from tocsin_internal.tick();
select is_empty($$select * from tocsin.error_metrics$$,
  'Attempts that the engine repeats by itself raise nothing.');

select pg_temp.attempt(5);
select from tocsin_internal.tick();
select results_eq($$
  select run_id, project_id, workflow_id, workflow_name, node, message, attempt, timestamp
  from tocsin.error_metrics
$$, $$
  values ('11111111-0000-4000-8000-000000000001', '33333333-0000-4000-8000-000000000001',
    '22222222-0000-4000-8000-000000000001', 'crm-sync', 'createContact', 'HTTP 502, attempt 5', 5,
    '2026-03-04 10:05:03Z'::timestamptz)
$$, 'The last attempt is the failure: with its node, its error and its time.');

update job_tracking set failed_at = '2026-03-04 10:06Z', error_message = 'gave up';
select from tocsin_internal.tick();
update job_tracking set moved_to_dlq_at = '2026-03-04 10:07Z';
update workflow_runs set status = 'failed', finished_at = '2026-03-04 10:08Z';
select from tocsin_internal.tick();
select is((select count(*)::int from tocsin.error_metrics), 1,
  'That the job and the run say so as well, later, is not another failure.');

select * from finish();
rollback;
