begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
create function pg_temp.ran(p_nth int, p_job text, p_status text, p_message text,
  p_start timestamptz, p_end timestamptz) returns void language sql as $$
  insert into cron.job_run_details as d (runid, jobid, username, command, status, return_message,
    start_time, end_time)
  select base.id + p_nth, j.jobid, current_user, j.command, p_status, p_message, p_start, p_end
  from base, cron.job j where j.jobname = p_job
  on conflict (runid) do update set status = excluded.status,
    return_message = excluded.return_message, start_time = excluded.start_time,
    end_time = excluded.end_time$$;
create function pg_temp.job(out last_status text, out failures_in_row int, out is_running boolean,
  out last_duration_ms double precision) language sql as $$
  select last_status, failures_in_row, running_since is not null, last_duration_ms
  from tocsin.cron_jobs where job_name = 'nightly'$$;

select cron.schedule('nightly', '0 3 * * *', 'call nightly()');
select pg_temp.ran(1, 'nightly', 'failed', E'ERROR:  long ago\n', '2026-03-01 03:00Z',
  '2026-03-01 03:01Z');
select tocsin_internal.watch_cron('2026-03-01 12:00Z');
select results_eq('select * from pg_temp.job()', $$values ('failed', 1, false, 60000::float8)$$,
  'What ran before it was watched says how the job fares,');
select is_empty($$select from tocsin_internal.reported_errors$$, 'and wakes nobody.');

select pg_temp.ran(2, 'nightly', 'starting', null, null, null);
select tocsin_internal.watch_cron('2026-03-02 03:00:01Z');
select pg_temp.ran(2, 'nightly', 'running', null, '2026-03-02 03:00Z', null);
select is(tocsin_internal.watch_cron('2026-03-02 03:00:05Z'), 1::bigint,
  'A run that has not ended is looked at again.');
select results_eq('select * from pg_temp.job()', $$values ('failed', 1, true, 60000::float8)$$,
  'It is seen to run.');
select pg_temp.ran(2, 'nightly', 'failed',
  E'ERROR:  key sk_live_51H8xyzABCDEFGHIJKLMN is refused\nCONTEXT:  SQL function "nightly"\n',
  '2026-03-02 03:00Z', '2026-03-02 03:02Z');
select is(tocsin_internal.watch_cron('2026-03-02 03:02:03Z'), 1::bigint, 'It ends,');
select is(tocsin_internal.watch_cron('2026-03-02 03:02:08Z'), 0::bigint, 'and is read no more.');
select results_eq('select * from pg_temp.job()', $$values ('failed', 2, false, 120000::float8)$$,
  'It failed, for the second time in a row.');
select results_eq($$
  select timestamp, source, component, source_id, project_id, workflow_id, run_id,
    message ~ 'is refused' and message !~ 'sk_live', metadata ->> 'schedule'
  from tocsin_internal.reported_errors
$$, $$select '2026-03-02 03:02Z'::timestamptz, 'system', 'pg_cron', 'pg_cron', '', 'nightly',
  (id + 2)::text, true, '0 3 * * *' from base$$,
  'That is one failure event, redacted, with the job''s name.');

select pg_temp.ran(3, 'nightly', 'succeeded', '1 row', '2026-03-03 03:00Z', '2026-03-03 03:00:30Z');
select tocsin_internal.watch_cron('2026-03-03 03:00:33Z');
select results_eq('select * from pg_temp.job()', $$values ('succeeded', 0, false, 30000::float8)$$,
  'One that succeeds ends the row of failures.');

select * from finish();
rollback;
