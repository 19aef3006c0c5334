begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

delete from tocsin_internal.watchers;
delete from net._http_response;
delete from net.http_request_queue;
update tocsin_internal.installation set installed_at = '2026-03-01 12:00Z';
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
select cron.schedule('nightly', '0 3 * * *', 'select 1');
insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
select base.id + n, j.jobid, current_user, j.command, 'failed', at, at
from base, cron.job j, (values (1, '2026-03-01 11:59Z'::timestamptz), (2, '2026-03-01 12:01Z'))
  as r (n, at) where j.jobname = 'nightly';
insert into net._http_response (id, status_code, created) values (1, 500, '2026-03-01 11:59Z'),
  (2, 500, '2026-03-01 12:01Z');
select tocsin_internal.watch_cron('2026-03-01 12:02Z'),
  tocsin_internal.watch_webhooks('2026-03-01 12:02Z');

select results_eq($$
  select run_id from tocsin_internal.reported_errors where component = 'pg_net'
$$, array['2'], 'A request that failed after Tocsin was installed is told,');
select results_eq($$
  select run_id from tocsin_internal.reported_errors where component = 'pg_cron'
$$, 'select (id + 2)::text from base', 'and so is a run, though the heart had not looked yet.');

select * from finish();
rollback;
