begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
insert into workflow_runs (id, status)
select ('11111111-0000-4000-8000-00000000000' || n)::uuid, 'running' from generate_series(1, 4) n;
update workflow_runs set status = 'succeeded', finished_at = now() - interval '1 day'
where id = '11111111-0000-4000-8000-000000000004';
-- exhausted; not yet; exhausted, but succeeded in the end
insert into workflow_events
select ('11111111-0000-4000-8000-00000000000' || run)::uuid, now() - interval '2 days',
  'step_failed', jsonb_build_object('attempt', attempt)
from (values (1, 4), (1, 5), (2, 1), (4, 5)) as e (run, attempt);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
select from tocsin.backfill_runs('workflow_runs');
select from tocsin_internal.tick();
select results_eq('select success_count::int, failure_count::int from tocsin.workflow_run_metrics',
  'values (1, 1)', 'A run counts as failed by the event that exhausted its attempts.');
select results_eq($$select bucket_at from tocsin_internal.run_buckets
  where bucket_minutes = 1440 and failed_count = 1$$,
  $$values (date_bin('1 day', now() - interval '2 days', '2000-01-01Z'))$$, 'on its day.');
update workflow_runs set status = 'succeeded', finished_at = now()
where id = '11111111-0000-4000-8000-000000000001';
select results_eq('select success_count::int, failure_count::int from tocsin.workflow_run_metrics',
  'values (2, 0)', 'When it succeeds after all, that is taken back.');

select * from finish();
rollback;
