begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into workflow_runs (id, status) values ('11111111-0000-4000-8000-000000000001', 'running');
insert into workflow_events values ('11111111-0000-4000-8000-000000000001', now(), 'step_failed',
  '{"attempt": 5, "error": "first"}');
select from tocsin_internal.tick();
-- replayed by hand
update workflow_runs set status = 'succeeded';
select from tocsin_internal.tick();
select is_empty($$select * from tocsin_internal.counted_runs where outcome = 'failed'$$,
  'A run that is replayed and succeeds is no longer a failed one.');
insert into workflow_events values ('11111111-0000-4000-8000-000000000001',
  now() + interval '1 second', 'step_failed', '{"attempt": 5, "error": "second"}');
select from tocsin_internal.tick();

select bag_eq($$select message from tocsin.error_metrics$$, array['first', 'second'],
  'When it fails again, that is told again.');

select * from finish();
rollback;
