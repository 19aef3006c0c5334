begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into workflow_events
select ('11111111-0000-4000-8000-00000000000' || run)::uuid, now(), 'step_failed', payload::jsonb
from (values
  (1, '{"attempt": 2, "max_attempts": 2}'),
  (2, '{"attempt": 5, "max_attempts": 9}'),
  (3, '{"attempt": 7}'),
  (4, '{"error": "no attempt at all"}')
) as event (run, payload);

select bag_eq($$select right(run_id, 1) from tocsin_internal.run_outcomes$$, array['1', '3', '4'],
  'What the event itself says of its attempts goes before the five of the preset.');

select * from finish();
rollback;
