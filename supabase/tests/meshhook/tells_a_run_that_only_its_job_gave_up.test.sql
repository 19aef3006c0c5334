begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table job_tracking (run_id uuid, failed_at timestamptz, moved_to_dlq_at timestamptz,
  error_message text);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into workflow_runs (id, status) values
  ('11111111-0000-4000-8000-000000000001', 'running'),
  ('11111111-0000-4000-8000-000000000002', 'running');
insert into job_tracking (run_id) select id from workflow_runs;
update job_tracking set failed_at = '2026-03-04 10:00Z', error_message = 'timeout of 30 s'
where run_id = '11111111-0000-4000-8000-000000000001';
update job_tracking set moved_to_dlq_at = '2026-03-04 10:01Z';
update job_tracking set error_message = error_message || '!';
select from tocsin_internal.tick();

select bag_eq($$select run_id, message, timestamp from tocsin.error_metrics$$, $$
  values ('11111111-0000-4000-8000-000000000001', 'timeout of 30 s!',
    '2026-03-04 10:00Z'::timestamptz),
    ('11111111-0000-4000-8000-000000000002', null, '2026-03-04 10:01Z')
$$, 'A job that failed for good, or was moved to the dead letters, is a failed run, once.');

select * from finish();
rollback;
