begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
select cron.schedule('nightly', '0 3 * * *', 'call nightly()');
select tocsin_internal.watch_cron('2026-03-01 12:00Z');
insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
select base.id + 1, j.jobid, current_user, j.command, 'failed', '2026-03-02 03:00Z',
  '2026-03-02 03:01Z' from base, cron.job j where j.jobname = 'nightly';
select tocsin_internal.watch_cron('2026-03-02 03:01:05Z');

-- what a migration does that schedules it anew
select cron.unschedule('nightly');
select cron.schedule('nightly', '0 4 * * *', 'call nightly()');
select tocsin_internal.watch_cron('2026-03-02 12:00Z');
select results_eq($$
  select k.job_id, k.schedule, k.failures_in_row, k.next_due_at, k.gone_at from tocsin.cron_jobs k
  where k.job_name = 'nightly'
$$, $$
  select jobid, '0 4 * * *', 1, '2026-03-03 04:00Z'::timestamptz, null::timestamptz from cron.job
  where jobname = 'nightly'
$$, 'It is the same job, with its past and its new schedule.');
select results_eq($$
  select m.failure_count from tocsin.cron_metrics m join cron.job j on j.jobid = m.job_id
  where j.jobname = 'nightly' and m.run_count > 0
$$, array[1], 'So are its figures.');

select cron.unschedule('nightly');
select tocsin_internal.watch_cron('2026-03-03 12:00Z');
select is_empty($$select from tocsin.cron_health where job_name = 'nightly'$$, 'One that is gone');
select cron.schedule('nightly', '0 4 * * *', 'call nightly()');
select tocsin_internal.watch_cron('2026-03-10 12:00Z');
select is((select failures_in_row from tocsin.cron_health where job_name = 'nightly'), 0,
  'for more than a day, and comes again, begins anew.');

select * from finish();
rollback;
