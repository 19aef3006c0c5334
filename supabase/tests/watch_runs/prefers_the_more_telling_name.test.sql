begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table jobs (
  id int primary key, run_id int, name text, kind text, workflow_id int, outcome jsonb,
  status text, created_at timestamptz, started_at timestamptz, error text, error_message text
);
select from tocsin.watch_runs('jobs');

select is(mapping - array['succeeded', 'failed', 'canceled', 'timed_out', 'idle'], '{
  "run_id": "run_id", "project_id": null, "workflow_id": "workflow_id", "status": "status",
  "started_at": "started_at", "finished_at": null, "error": "error_message", "node": null}',
  'Where two columns could be meant, the more telling name wins; what is not there stays empty.')
from tocsin.run_sources;

select * from finish();
rollback;
