begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create type task_state as enum ('queued', 'active', 'completed', 'failed', 'aborted');
create table task_runs (
  id bigint primary key, pipeline text, state task_state, created_at timestamptz,
  completed_at timestamptz, last_error text, step_slug text, tenant_id int
);
select from tocsin.watch_runs('task_runs');

select is(mapping, '{
  "run_id": "id", "project_id": "tenant_id", "workflow_id": "pipeline", "status": "state",
  "started_at": "created_at", "finished_at": "completed_at", "error": "last_error",
  "node": "step_slug", "succeeded": ["completed"], "failed": ["failed"], "canceled": ["aborted"],
  "timed_out": [], "idle": ["queued"]}',
  'Columns and the values of an enum are found by what people call them.')
from tocsin.run_sources where source_id = 'task_runs';

select * from finish();
rollback;
