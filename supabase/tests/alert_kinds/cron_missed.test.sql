begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
create temp sequence nth;
create function pg_temp.ran(p_job text, p_at timestamptz) returns void
language sql as $$
  insert into cron.job_run_details as d (runid, jobid, username, command, status, start_time,
    end_time)
  select base.id + nextval('nth'), j.jobid, current_user, j.command, 'succeeded', p_at,
    p_at + interval '1 second'
  from base, cron.job j where j.jobname = p_job$$;
create function pg_temp.beat(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.watch_cron(at + interval '6 seconds'),
    tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.workflow_id || coalesce(' ' || t.value, '')
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' and a.workflow_id not like 'tocsin-%'
  order by t.at, a.workflow_id$$;

select cron.schedule('hourly', '10 * * * *', 'select 1');
select cron.schedule('often', '*/10 * * * *', 'select 1');
insert into tocsin.alert_settings (name, kind, parameters) values
  ('missed', 'cron_missed', '{"grace": "2 minutes"}');
select pg_temp.beat('2026-03-01 12:01Z', '2026-03-01 12:10Z');
select pg_temp.ran('hourly', '2026-03-01 12:11:55Z');
select pg_temp.ran('often', '2026-03-01 12:10:00Z');
select pg_temp.beat('2026-03-01 12:11Z', '2026-03-01 12:21Z');
select is_empty('select * from pg_temp.story()', 'While they begin within the grace it is silent.');
select pg_temp.beat('2026-03-01 12:22Z', '2026-03-01 12:34Z');
select results_eq('select * from pg_temp.story()', $$values ('12:22 fired often 1')$$,
  'One that did not begin fires, once.');
select results_eq($$
  select title, context -> 'facts' -> 1 ->> 'value', context -> 'facts' -> 2 ->> 'value', value
  from tocsin.alerts where workflow_id = 'often'
$$, $$values ('Cron job often did not begin (1 missed)', '2026-03-01 12:20:00 UTC',
  '2026-03-01 12:10:00 UTC', 2::float8)$$, 'It says since when, and counts on.');
select pg_temp.ran('often', '2026-03-01 12:34:30Z');
select pg_temp.beat('2026-03-01 12:35Z', '2026-03-01 12:36Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved'$$,
  $$values ('12:35 resolved often 0')$$, 'When it begins again it is over.');

-- the scheduler is away, and the heart with it: each minute is judged once it is back
delete from tocsin.alert_settings;
select cron.unschedule('often');
insert into tocsin.alert_settings (name, kind, parameters, notify_resolved) values
  ('missed', 'cron_missed', '{"grace": "2 minutes"}', true);
select pg_temp.beat('2026-03-01 12:40Z', '2026-03-01 12:40Z');
select pg_temp.ran('hourly', '2026-03-01 13:14:30Z');
select pg_temp.beat('2026-03-01 13:15Z', '2026-03-01 13:16Z');
select results_eq($$select * from pg_temp.story() where story > '12:40'$$,
  $$values ('13:12 fired hourly 1'), ('13:15 resolved hourly 0')$$,
  'What was missed while the scheduler was away is told when it is back.');

select cron.unschedule('hourly');
select pg_temp.beat('2026-03-01 13:17Z', '2026-03-01 14:20Z');
select is_empty($$select * from pg_temp.story() where story > '13:16'$$,
  'A job that was unscheduled on purpose alarms nobody.');

select cron.schedule('hourly', '10 * * * *', 'select 1');
select pg_temp.beat('2026-03-01 14:21Z', '2026-03-01 14:22Z');
-- the real pg_cron takes this setting only as it starts
create function pg_temp.stops_logging() returns boolean language plpgsql as $$
begin
  set local cron.log_run = 'off';
  return true;
exception when cant_change_runtime_param then
  return false;
end
$$;
create temp table logging as select pg_temp.stops_logging() as is_stopped;
select pg_temp.beat('2026-03-01 15:05Z', '2026-03-01 15:20Z');
select case when is_stopped then is_empty($$select * from pg_temp.story() where story > '13:16'$$,
    'Where pg_cron writes nothing down, nothing can be told.')
  else skip('It goes on writing its runs down.', 1) end
from logging;

select * from finish();
rollback;
