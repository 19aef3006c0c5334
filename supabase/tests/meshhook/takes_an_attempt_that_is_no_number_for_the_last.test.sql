begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into workflow_events values
  ('11111111-0000-4000-8000-000000000001', now(), 'step_failed', '{"attempt": "3 of 5"}');

select results_eq('select run_id, outcome from tocsin_internal.run_outcomes',
  $$values ('11111111-0000-4000-8000-000000000001', 'failed')$$,
  'A failure that cannot be read in full is told rather than lost.');

select * from finish();
rollback;
