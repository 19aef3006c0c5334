begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table workflow_runs (
  id uuid primary key, project_id uuid, workflow_id uuid, status text, started_at timestamptz,
  finished_at timestamptz
);
select from tocsin.watch_runs('workflow_runs', 'meshhook');

select is(mapping ?| array['events', 'jobs', 'workflow_names', 'members_function'], false,
  'A host that lacks the tables beside the runs is watched by its runs alone.')
from tocsin.run_sources;
insert into workflow_runs (id, status) values (gen_random_uuid(), 'failed');
select isnt_empty($$select from tocsin_internal.run_outcomes$$, 'Its failures are captured.');

select * from finish();
rollback;
