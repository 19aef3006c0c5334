begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(10);

delete from tocsin_internal.watchers;
select cron.schedule('nightly', '0 3 * * *', 'select 1');
select tocsin_internal.watch_cron('2026-03-01 12:00Z');
create or replace function tocsin_internal.has_extension(p_name text) returns boolean
language sql stable set search_path = ''
as $$ select p_name = coalesce(current_setting('t.has', true), '') $$;
select is(tocsin_internal.watch_cron('2026-03-01 12:01Z'), 0::bigint, 'Without pg_cron it rests.');
select is_empty('select from tocsin.cron_health', 'There are no jobs then.');
select is(tocsin_internal.watch_webhooks('2026-03-01 12:01Z'), 0::bigint,
  'Without pg_net there is nothing to read.');
set local t.has = 'pg_cron';
select tocsin_internal.watch_cron('2026-03-01 12:02Z');
select isnt_empty($$select from tocsin.cron_health where job_name = 'nightly'$$,
  'When it is installed later, its jobs are seen.');
select is((select scheduled_since from tocsin.cron_jobs where job_name = 'nightly'),
  '2026-03-01 12:02Z'::timestamptz, 'Nothing that was due before is asked for.');

update tocsin.cron_jobs set last_run_id = 1000000 where job_name = 'nightly';
-- made anew: another table, whose runs are counted from 1 again
update tocsin_internal.watchers set table_oid = 1, last_id = 1000000 where watcher = 'pg_cron';
delete from cron.job_run_details;
insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
select 1, jobid, current_user, command, 'failed', '2026-03-02 03:00Z', '2026-03-02 03:00Z'
from cron.job where jobname = 'nightly';
select tocsin_internal.watch_cron('2026-03-02 03:00:05Z');
select results_eq('select run_id from tocsin_internal.reported_errors', array['1'],
  'An extension that was made anew is read from its beginning.');
insert into cron.job_run_details (runid, jobid, username, command, status, start_time)
select 2, jobid, current_user, command, 'running', '2026-03-03 03:00Z'
from cron.job where jobname = 'nightly';
select tocsin_internal.watch_cron('2026-03-03 03:00:05Z');
select is_empty($$select from tocsin_internal.reported_errors where run_id = '2'$$,
  'A run of it that goes on was not lost, whatever ids there were before.');

-- of another version
set local t.has = '';
create or replace function tocsin_internal.has_extension(p_name text) returns boolean
language sql stable set search_path = '' as $$ select true $$;
create or replace function tocsin_internal.has_columns(p_table text, p_columns text[])
returns boolean language sql stable set search_path = '' as $$ select false $$;
select is(tocsin_internal.watch_cron('2026-03-02 03:01Z'), 0::bigint,
  'What cannot be read is let alone,');
select is(tocsin_internal.watch_webhooks('2026-03-02 03:01Z'), 0::bigint, 'of both extensions,');
select results_eq($$
  select check_name, status from tocsin.doctor() where check_name in ('cron jobs', 'webhooks')
$$, $$values ('cron jobs', 'warn'), ('webhooks', 'warn')$$, 'and the doctor says so.');

select * from finish();
rollback;
