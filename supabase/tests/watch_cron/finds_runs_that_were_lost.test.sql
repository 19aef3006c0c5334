begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
create function pg_temp.ran(p_nth int, p_status text, p_start timestamptz, p_end timestamptz)
returns void language sql as $$
  insert into cron.job_run_details as d (runid, jobid, username, command, status, return_message,
    start_time, end_time)
  select base.id + p_nth, j.jobid, current_user, j.command, p_status,
    case p_status when 'failed' then 'server restarted' end, p_start, p_end
  from base, cron.job j where j.jobname = 'nightly'
  on conflict (runid) do update set status = excluded.status,
    return_message = excluded.return_message$$;

select cron.schedule('nightly', '0 3 * * *', 'select 1');
select tocsin_internal.watch_cron('2026-03-01 12:00Z');
-- the server restarts while the run connects: pg_cron never looks at its row again
select pg_temp.ran(1, 'connecting', null, null);
select tocsin_internal.watch_cron('2026-03-02 03:00:02Z');
select pg_temp.ran(2, 'running', '2026-03-03 03:00Z', null);
select tocsin_internal.watch_cron('2026-03-03 03:00:02Z');
select results_eq('select run_id, message from tocsin_internal.reported_errors',
  $$select (id + 1)::text, 'pg_cron did not note how the run ended; the last it noted is '
    '"connecting".' from base$$, 'A run without an end, though the next one began, was lost.');
select results_eq('select run_id from tocsin_internal.open_cron_runs', 'select id + 2 from base',
  'The next one is waited for.');
-- and restarts while this one runs: pg_cron says so, without an end
select pg_temp.ran(2, 'failed', '2026-03-03 03:00Z', null);
select tocsin_internal.watch_cron('2026-03-03 03:05:02Z');
select results_eq($$
  select timestamp, message from tocsin_internal.reported_errors where message ~ 'server'
$$, $$values ('2026-03-03 03:05:02Z'::timestamptz, 'server restarted')$$,
  'One that a restart ended has failed.');
select is((select failures_in_row from tocsin.cron_jobs where job_name = 'nightly'), 2,
  'Both count.');

select * from finish();
rollback;
