begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
create function pg_temp.ran(p_nth int, p_job text, p_start timestamptz) returns void
language sql as $$
  insert into cron.job_run_details as d (runid, jobid, username, command, status, return_message,
    start_time, end_time)
  select base.id + p_nth, j.jobid, current_user, j.command, 'succeeded', '1 row', p_start,
    p_start + interval '1 second'
  from base, cron.job j where j.jobname = p_job$$;
create function pg_temp.missed() returns table (job text, since timestamptz, count int)
language sql as $$
  select job_name, missed_since, missed_count from tocsin.cron_jobs
  where missed_since is not null and job_name not like 'tocsin-%' order by 1$$;
create function pg_temp.beat(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.watch_cron(at) from generate_series(p_from, p_to, '1 minute') as at$$;

select cron.schedule('often', '*/10 * * * *', 'select 1');
select cron.schedule('nightly', '0 3 * * *', 'select 1');
select cron.schedule('beat', '30 seconds', 'select 1');
select cron.schedule('odd', '@reboot', 'select 1');
select tocsin_internal.watch_cron('2026-03-01 12:00Z');
select results_eq($$
  select job_name, next_due_at from tocsin.cron_jobs where job_name in ('often', 'nightly', 'odd')
  order by 1
$$, $$values ('nightly', '2026-03-02 03:00Z'::timestamptz), ('odd', null),
  ('often', '2026-03-01 12:10Z')$$, 'Each job is due when its schedule says.');
select pg_temp.ran(1, 'beat', '2026-03-01 12:00:30Z');
select pg_temp.ran(2, 'often', '2026-03-01 12:10:00.1Z');
select pg_temp.beat('2026-03-01 12:01:02Z', '2026-03-01 12:10:02Z');
select results_eq('select * from pg_temp.missed()', $$values
  ('beat', '2026-03-01 12:01Z'::timestamptz, 19)$$, 'One that did not begin is missed.');
select pg_temp.ran(3, 'beat', '2026-03-01 12:24:59Z');
select pg_temp.beat('2026-03-01 12:11:02Z', '2026-03-01 12:25:02Z');
select results_eq('select * from pg_temp.missed()', $$values
  ('often', '2026-03-01 12:20Z'::timestamptz, 1)$$, 'Five minutes are granted.');
select pg_temp.beat('2026-03-01 12:26:02Z', '2026-03-01 12:31:02Z');
select is((select count from pg_temp.missed() where job = 'often'), 2, 'They add up.');
select pg_temp.ran(4, 'often', '2026-03-01 12:33:00Z');
select pg_temp.ran(5, 'beat', '2026-03-01 12:33:00Z');
select tocsin_internal.watch_cron('2026-03-01 12:33:02Z');
select is_empty('select * from pg_temp.missed()', 'One that begins late is not missed any more.');

select cron.unschedule('often');
select cron.alter_job((select jobid from cron.job where jobname = 'beat'), active := false);
select tocsin_internal.watch_cron('2026-03-01 12:34:02Z');
select tocsin_internal.watch_cron('2026-03-01 15:00:00Z');
select is_empty('select * from pg_temp.missed()',
  'A job that was unscheduled or switched off on purpose is not missed.');
select is_empty('select message from tocsin_internal.reported_errors',
  'Nor is anything told of a time in which no job was due.');

select tocsin_internal.watch_cron('2026-03-02 02:59:58Z');
select tocsin_internal.watch_cron('2026-03-02 08:00:00Z');
select results_eq($$
  select source, component, error_type, message from tocsin_internal.reported_errors
$$, $$values ('system', 'pg_cron', 'system', 'pg_cron began no job from 2026-03-02 02:59 to '
    '2026-03-02 08:00 UTC. Missed: nightly (once).')$$,
  'When the scheduler is back, what was missed while it was away is told.');
select results_eq($$select status, reason from tocsin.cron_health where job_name = 'nightly'$$,
  $$values ('missed', 'It was due 2026-03-02 03:00:00 UTC and has not begun.')$$,
  'The view says so by the clock.');

select * from finish();
rollback;
