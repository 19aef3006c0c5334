-- The clock moves in beats of five seconds, and every setting is as a new one is. A failure is told
-- within a minute of its commit, a measure within a minute of the end of the minute that was over
-- its limit.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table public.jobs (id int primary key, workflow_id text, status text,
  started_at timestamptz, finished_at timestamptz);
create index on public.jobs (started_at);
select from tocsin.watch_runs('public.jobs');
update tocsin.run_sources set watched_at = '2026-03-01Z';
insert into tocsin.alert_channels (name, kind, recipients) values ('me', 'email', '{a@b.example}');
insert into tocsin.alert_settings (name, kind, parameters) values
  ('run_failed', 'run_failed', '{}'), ('error_occurred', 'error_occurred', '{}'),
  ('error_new', 'error_new', '{}'), ('failure_rate', 'failure_rate', '{}'),
  ('failure_count', 'failure_count', '{}'), ('success_rate', 'success_rate', '{}'),
  ('error_rate', 'error_rate', '{"threshold": 2, "window": "5 minutes"}'),
  ('run_slow', 'run_slow', '{"threshold": 30000}'),
  ('slo_burn', 'slo_burn', '{}'), ('run_missing', 'run_missing', '{"within": "1 hour"}'),
  ('run_stuck', 'run_stuck', '{"longer_than": "1 hour"}');
insert into tocsin.alert_setting_channels select setting_id, channel_id
  from tocsin.alert_settings, tocsin.alert_channels;

-- what happened before: an hour of calm, a workflow that will be missed, a run that will not end
insert into public.jobs
select n, 'w', 'succeeded', at - interval '1 second', at
from generate_series(1, 55) as n
cross join lateral (
  select '2026-03-01 11:00:30Z'::timestamptz + n * interval '1 minute' as at) as t;
insert into public.jobs values
  (100, 'nightly', 'succeeded', '2026-03-01 11:01:00Z', '2026-03-01 11:01:20Z'),
  (101, 'long', 'running', '2026-03-01 11:01:20Z', null);
update tocsin_internal.run_outcomes set captured_at = finished_at;
select tocsin_internal.run_stage(stage, '2026-03-01 11:59:04Z')
from unnest(tocsin_internal.stage_names()) as stage;
select is_empty('select purpose from tocsin.notifications', 'Before it nothing is told.');

-- 12:01:20, in the middle of a minute: runs fail slowly. In that minute, too, an hour is over for
-- the one that is missed and the one that does not end.
create function pg_temp.beat(p_at timestamptz) returns void language plpgsql as $$
begin
  if p_at = '2026-03-01 12:01:24Z' then
    insert into public.jobs
    select 200 + n, 'w', 'failed', p_at - interval '64 seconds', p_at - interval '4 seconds'
    from generate_series(1, 60) as n;
    update tocsin_internal.run_outcomes set captured_at = finished_at;
  end if;
  perform tocsin_internal.run_stage(stage, p_at)
  from unnest(tocsin_internal.stage_names()) as stage;
end
$$;
select pg_temp.beat(at)
from generate_series('2026-03-01 12:00:04Z'::timestamptz, '2026-03-01 12:03:04Z', '5 seconds')
  as at;

create temp table told as
select s.name, k.family, min(d.created_at) as queued_at
from tocsin.alert_settings s
join tocsin.alert_kinds k on k.kind = s.kind
left join tocsin.notifications n on n.setting_id = s.setting_id
left join tocsin.deliveries d on d.notification_id = n.notification_id and d.state = 'pending'
group by 1, 2;
select is((select string_agg(name, ', ' order by name) from told where queued_at is null), null,
  'A message about each waits to be sent.');
select is((select max(queued_at) - '2026-03-01 12:01:20Z' from told where family = 'event'),
  '4 seconds', 'Failures are told with the next beat.');
select cmp_ok((select max(queued_at) - '2026-03-01 12:02Z' from told where family = 'measure'),
  '<=', interval '1 minute', 'Measures within a minute of the end of theirs.');

select * from finish();
rollback;
