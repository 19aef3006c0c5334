-- A retry commonly sets the start anew, and a run may have moved to another workflow by then.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, project_id text, workflow_id text, status text,
  started_at timestamptz, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'p', 'w', 'failed', now() - interval '1 hour', clock_timestamp());
update runs set status = 'running', workflow_id = 'other', started_at = now(), finished_at = null;

select is_empty($$select * from tocsin.workflow_run_metrics
  where success_count + failure_count <> 0$$, 'No workflow is left with a count.');
select from tocsin_internal.roll_up();
select is_empty($$select * from tocsin_internal.run_totals
  where failed_count <> 0 or duration_count <> 0 or abs(duration_ms_sum) > 1
    or duration_bins <> '{}'$$, 'Nor with the duration of a run that was taken back.');

select * from finish();
rollback;
