begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
create temp sequence nth;
create function pg_temp.ran(p_job text, p_status text, p_at timestamptz) returns void
language sql as $$
  insert into cron.job_run_details as d (runid, jobid, username, command, status, return_message,
    start_time, end_time)
  select base.id + nextval('nth'), j.jobid, current_user, j.command, p_status,
    case p_status when 'failed' then E'ERROR:  disk full\n' end, p_at - interval '1 second', p_at
  from base, cron.job j where j.jobname = p_job$$;
create function pg_temp.beat(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.watch_cron(at + interval '6 seconds'),
    tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.source_id || '/' || a.project_id || '/' || a.workflow_id || ' ' || t.value
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.workflow_id$$;

select cron.schedule('backup', '*/5 * * * *', 'select 1');
select cron.schedule('other', '*/5 * * * *', 'select 1');
insert into tocsin.alert_settings (name, kind, project_id, workflow_id, parameters) values
  ('failed', 'cron_failed', '', 'backup', '{"threshold": 2}');
select tocsin_internal.watch_cron('2026-03-01 11:59Z');

select pg_temp.ran('backup', 'succeeded', '2026-03-01 12:00:30Z');
select pg_temp.beat('2026-03-01 12:01Z', '2026-03-01 12:05Z');
select is_empty('select * from pg_temp.story()', 'While it succeeds it is silent.');
select pg_temp.ran('backup', 'failed', '2026-03-01 12:05:30Z');
select pg_temp.ran('other', 'failed', '2026-03-01 12:05:30Z');
select pg_temp.ran('other', 'failed', '2026-03-01 12:05:40Z');
select pg_temp.beat('2026-03-01 12:06Z', '2026-03-01 12:10Z');
select is_empty('select * from pg_temp.story()',
  'One failure of two, and another job''s, say nothing.');
select pg_temp.ran('backup', 'failed', '2026-03-01 12:10:30Z');
select pg_temp.beat('2026-03-01 12:11Z', '2026-03-01 12:15Z');
select pg_temp.ran('backup', 'failed', '2026-03-01 12:15:30Z');
select pg_temp.beat('2026-03-01 12:16Z', '2026-03-01 12:20Z');
select results_eq('select * from pg_temp.story()', $$values ('12:11 fired pg_cron//backup 2')$$,
  'The second in a row fires, once.');
select results_eq($$select title, context -> 'facts' -> 2 from tocsin.alerts$$,
  $$values ('Cron job backup failed (2 in a row)',
    '{"label": "Message", "value": "disk full"}'::jsonb)$$, 'In words, with what it returned.');
select pg_temp.ran('backup', 'succeeded', '2026-03-01 12:20:30Z');
select pg_temp.beat('2026-03-01 12:21Z', '2026-03-01 12:24Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved'$$,
  $$values ('12:21 resolved pg_cron//backup 0')$$, 'When it succeeds again it is over.');

-- one that fails and succeeds within a minute
delete from tocsin.alert_settings;
insert into tocsin.alert_settings (name, kind, project_id, workflow_id) values
  ('failed', 'cron_failed', '', 'backup');
select pg_temp.beat('2026-03-01 12:25Z', '2026-03-01 12:25Z');
select pg_temp.ran('backup', 'failed', '2026-03-01 12:25:30Z');
select pg_temp.ran('backup', 'succeeded', '2026-03-01 12:25:40Z');
select pg_temp.beat('2026-03-01 12:26Z', '2026-03-01 12:30Z');
select results_eq($$select * from pg_temp.story() where story > '12:25'$$,
  $$values ('12:26 fired pg_cron//backup 1'), ('12:28 resolved pg_cron//backup 0')$$,
  'A failure that was over before it was judged is told all the same.');

select pg_temp.ran('backup', 'failed', '2026-03-01 12:30:30Z');
select pg_temp.beat('2026-03-01 12:31Z', '2026-03-01 12:31Z');
select cron.unschedule('backup');
select pg_temp.beat('2026-03-01 12:32Z', '2026-03-01 12:33Z');
select results_eq($$
  select to_char(t.at at time zone 'UTC', 'HH24:MI'), t.transition::text
  from tocsin.alert_transitions t where t.at > '2026-03-01 12:30Z' and t.transition <> 'pending'
  order by t.at
$$, $$values ('12:31', 'fired'), ('12:32', 'resolved')$$,
  'What fired about a job is over when it is unscheduled.');

select * from finish();
rollback;
