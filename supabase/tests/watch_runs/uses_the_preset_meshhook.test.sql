begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table workflow_runs (
  id uuid primary key, project_id uuid, workflow_id uuid,
  status text check (status in ('running', 'succeeded', 'failed', 'paused', 'canceled')),
  started_at timestamptz, finished_at timestamptz
);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
create table job_tracking (
  msg_id bigint, run_id uuid, attempt int, max_attempts int, failed_at timestamptz,
  moved_to_dlq_at timestamptz, error_message text
);
create table workflow_definitions (id uuid primary key, slug text);
create function user_project_ids() returns setof uuid language sql as 'select null::uuid';
select from tocsin.watch_runs('workflow_runs', 'meshhook');

select results_eq($$
  select preset, mapping ->> 'status', mapping #>> '{events,table}', mapping #>> '{jobs,table}',
    mapping #>> '{workflow_names,name}', mapping ->> 'members_function',
    mapping -> 'failed', mapping -> 'canceled', mapping #>> '{events,max_attempts}'
  from tocsin.run_sources
$$, $$
  values ('meshhook', 'status', 'public.workflow_events', 'public.job_tracking', 'slug',
    'public.user_project_ids', '["failed"]'::jsonb, '["canceled"]'::jsonb, '5')
$$, 'The preset maps the run table, its events, its jobs, its names and its members.');
select bag_eq($$
  select tgrelid::regclass::text from pg_trigger where tgname like 'tocsin\_%'
$$, array['workflow_runs', 'workflow_events', 'job_tracking'], 'All three tables are watched.');

select * from finish();
rollback;
