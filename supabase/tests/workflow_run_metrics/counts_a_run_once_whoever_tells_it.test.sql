begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
create table job_tracking (msg_id bigint, run_id uuid, failed_at timestamptz,
  moved_to_dlq_at timestamptz, error_message text);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into workflow_runs values ('11111111-0000-4000-8000-000000000001',
  '22222222-0000-4000-8000-000000000001', '33333333-0000-4000-8000-000000000001', 'running', now());
create view shown as select project_id, workflow_id, success_count, failure_count
  from tocsin.workflow_run_metrics where success_count + failure_count <> 0;

insert into workflow_events values
  ('11111111-0000-4000-8000-000000000001', now(), 'step_failed', '{"attempt": 5}');
insert into job_tracking values (1, '11111111-0000-4000-8000-000000000001', now());
update workflow_runs set status = 'failed', finished_at = now();
select results_eq('select * from shown', $$values ('22222222-0000-4000-8000-000000000001',
  '33333333-0000-4000-8000-000000000001', 0::bigint, 1::bigint)$$,
  'Three tables tell one failure: pending, it counts once, for the run''s own workflow;');
select from tocsin_internal.roll_up();
select results_eq('select success_count, failure_count from shown',
  'values (0::bigint, 1::bigint)', 'rolled up, it counts once;');
insert into job_tracking values (2, '11111111-0000-4000-8000-000000000001', now());
select results_eq('select success_count, failure_count from shown',
  'values (0::bigint, 1::bigint)', 'told again afterwards, it does not count again;');
update workflow_runs set status = 'succeeded';
select from tocsin_internal.roll_up();
select results_eq('select success_count, failure_count from shown',
  'values (1::bigint, 0::bigint)', 'and when it succeeds after all, the failure is taken back.');

select * from finish();
rollback;
