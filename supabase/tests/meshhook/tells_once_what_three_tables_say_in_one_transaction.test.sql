begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
create table job_tracking (run_id uuid, failed_at timestamptz, moved_to_dlq_at timestamptz,
  error_message text);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into workflow_runs (id, status) values ('11111111-0000-4000-8000-000000000001', 'running');
insert into job_tracking values ('11111111-0000-4000-8000-000000000001', now(), now(), 'gave up');
insert into workflow_events values ('11111111-0000-4000-8000-000000000001', now(), 'step_failed',
  '{"attempt": 5, "node": {"id": "a"}, "error": "HTTP 500"}');
update workflow_runs set status = 'failed';
select from tocsin_internal.tick();

select results_eq($$select node, message from tocsin.error_metrics$$,
  $$values ('a', 'HTTP 500')$$, 'Three words for one failure in one batch are one failure event.');

select * from finish();
rollback;
