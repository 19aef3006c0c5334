begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
select cron.schedule('job ' || n, '* * * * *', 'select 1') from generate_series(1, 5) as n;
select tocsin_internal.watch_cron('2026-03-01 12:00Z');
insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
select base.id + n, j.jobid, current_user, j.command,
  case when n % 100 = 0 then 'failed' else 'succeeded' end,
  '2026-03-01 12:00Z'::timestamptz + n * interval '1 s',
  '2026-03-01 12:00Z'::timestamptz + n * interval '1 s'
from base, generate_series(1, 2500) as n join cron.job j on j.jobname = 'job ' || 1 + n % 5;
select is(tocsin_internal.watch_cron('2026-03-01 13:00Z'), 2500::bigint, 'All are read,');
select is(tocsin_internal.watch_cron('2026-03-01 13:00:05Z'), 0::bigint, 'once.');
select results_eq('select sum(run_count), sum(failure_count) from tocsin.cron_metrics',
  $$values (2500::bigint, 25::bigint)$$, 'They are counted once,');
select is((select count(distinct run_id) from tocsin_internal.reported_errors
  where message !~ 'began no job'), 25::bigint, 'and each failure is told.');

select * from finish();
rollback;
