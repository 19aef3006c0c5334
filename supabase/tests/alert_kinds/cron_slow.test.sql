begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
create temp sequence nth;
create function pg_temp.ran(p_job text, p_start timestamptz, p_end timestamptz) returns void
language sql as $$
  insert into cron.job_run_details as d (runid, jobid, username, command, status, start_time,
    end_time)
  select base.id + nextval('nth'), j.jobid, current_user, j.command,
    case when p_end is null then 'running' else 'succeeded' end, p_start, p_end
  from base, cron.job j where j.jobname = p_job$$;
create function pg_temp.beat(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.watch_cron(at + interval '6 seconds'),
    tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.workflow_id || ' ' || t.value
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.workflow_id$$;

select cron.schedule('rollup', '* * * * *', 'select 1');
insert into tocsin.alert_settings (name, kind, project_id, workflow_id) values
  ('slow', 'cron_slow', '', 'rollup');
select pg_temp.beat('2026-03-01 12:00Z', '2026-03-01 12:00Z');
select pg_temp.ran('rollup', at, at + interval '5 seconds')
from generate_series('2026-03-01 12:00Z', '2026-03-01 12:05Z', interval '1 minute') as at;
select pg_temp.ran('rollup', '2026-03-01 12:06Z', '2026-03-01 12:06:15Z');
select pg_temp.beat('2026-03-01 12:01Z', '2026-03-01 12:07Z');
select is_empty('select * from pg_temp.story()',
  'At its usual time, and at three times of it, it is silent.');
select pg_temp.ran('rollup', '2026-03-01 12:07Z', '2026-03-01 12:07:16Z');
select pg_temp.beat('2026-03-01 12:08Z', '2026-03-01 12:10Z');
select results_eq('select * from pg_temp.story()', $$values ('12:08 fired rollup 16000')$$,
  'More than that fires, once.');
select results_eq($$select title, threshold, context -> 'facts' -> 1 ->> 'value'
  from tocsin.alerts$$, $$values ('Cron job rollup takes 16.0 s', 15000::float8, '5.0 s')$$,
  'It says what is usual.');
select pg_temp.ran('rollup', '2026-03-01 12:10Z', '2026-03-01 12:10:05Z');
select pg_temp.beat('2026-03-01 12:11Z', '2026-03-01 12:11Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved'$$,
  $$values ('12:11 resolved rollup 5000')$$, 'A run that is quick again ends it.');

update tocsin.alert_settings set parameters = '{"threshold": 120000}';
select pg_temp.ran('rollup', '2026-03-01 12:12Z', null);
select pg_temp.beat('2026-03-01 12:13Z', '2026-03-01 12:14Z');
select is_empty($$select * from pg_temp.story() where story > '12:12'$$,
  'A run that goes on is silent within the limit.');
select pg_temp.beat('2026-03-01 12:15Z', '2026-03-01 12:15Z');
select results_eq($$select * from pg_temp.story() where story > '12:12'$$,
  $$values ('12:15 fired rollup 180000')$$, 'Over it, it fires while it goes on.');

select * from finish();
rollback;
