begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table workflow_runs (
  id uuid primary key, project_id uuid, workflow_id uuid, status text, started_at timestamptz,
  finished_at timestamptz
);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
create function user_project_ids() returns setof uuid language sql as 'select null::uuid';

select lives_ok($$
  select tocsin.watch_runs('workflow_runs', 'meshhook',
    '{"events": null, "members_function": null}')
$$, 'Null is a way to do without a part of a preset.');
select is(mapping ?| array['events', 'members_function'], false, 'The part is left out.')
from tocsin.run_sources;
select is((select count(*)::int from pg_trigger where tgrelid = 'workflow_events'::regclass), 0,
  'The events are not watched.');

select * from finish();
rollback;
