begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into workflow_runs (id, status) values
  ('11111111-0000-4000-8000-00000000000a', 'running'),
  ('11111111-0000-4000-8000-00000000000b', 'running');
insert into workflow_events
select id, '2026-03-04 10:00Z'::timestamptz + make_interval(mins => attempt), 'step_failed',
  jsonb_build_object('attempt', attempt, 'node', jsonb_build_object('id', right(id::text, 1)),
    'error', right(id::text, 1) || attempt)
from workflow_runs cross join generate_series(1, 5) as attempt
where right(id::text, 1) = 'a' or attempt < 5
order by attempt, id;
update workflow_runs set status = 'succeeded' where right(id::text, 1) = 'b';
select from tocsin_internal.tick();

select results_eq($$select right(run_id, 1), node, message from tocsin.error_metrics$$,
  $$values ('a', 'a', 'a5')$$, 'The run that failed is told; the one that went well is not.');

select * from finish();
rollback;
