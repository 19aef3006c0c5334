-- A week is lived: failures that come at random, kinds of errors that are new, resolved and back,
-- workflows that succeed again, quiet nights, a silence. Then each setting is backtested.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(19);

-- minutes of a week, so that a backtest sees what live saw
update tocsin_internal.granularities set kept_for = '30 days' where bucket_minutes = 1;
insert into tocsin.alert_channels (name, kind, recipients, project_id)
select name, 'email', '{a@b.test}', 'p' from unnest(array['mail', 'boss', 'pager']) as name;
insert into tocsin.alert_settings (name, project_id, workflow_id, kind, parameters, group_by,
  throttle_limit, throttle_window, group_wait, replaces_general) values
  ('failed', 'p', null, 'run_failed', '{}', 'workflow', 1, '15 minutes', null, false),
  ('recovers', 'p', null, 'run_failed', '{"resolve_on_success": true}', 'workflow', 1,
    '10 minutes', null, false),
  ('together', 'p', null, 'run_failed', '{"resolve_on_success": true, "min_severity": "high"}',
    'project', 2, '2 hours', '5 minutes', false),
  ('errors', 'p', null, 'error_occurred', '{"sources": ["webhook", "worker"], "nodes": ["http*"]}',
    'setting', 3, '1 hour', null, false),
  ('one of them', 'p', 'w1', 'error_occurred', '{"error_types": ["network"]}', 'workflow', 1,
    '5 minutes', null, true),
  ('new', 'p', null, 'error_new', '{}', 'workflow', 1, '0', null, false),
  ('back', 'p', null, 'error_regressed', '{}', 'workflow', 1, '5 minutes', null, false);
insert into tocsin.workflow_settings (project_id, workflow_id, criticality)
values ('p', 'w2', 'critical'), ('p', 'w3', 'low');
insert into tocsin.alert_setting_channels (setting_id, channel_id, after_interval)
select s.setting_id, c.channel_id, case c.name when 'boss' then interval '45 minutes' else '0' end
from tocsin.alert_settings s, tocsin.alert_channels c
where c.name = 'mail' or c.name = 'boss' and s.name = 'recovers';
insert into tocsin.alert_routes (project_id, name, channel_id, min_severity, workflow_pattern)
select 'p', 'severe', channel_id, 'high', 'w2' from tocsin.alert_channels where name = 'pager';
insert into tocsin.quiet_periods (project_id, name, time_zone, starts_at, ends_at,
  breaks_through_from) values ('p', 'night', 'Europe/Berlin', '22:00', '06:30', 'high');
insert into tocsin.silences (project_id, reason, workflow_pattern, starts_at, ends_at) values
  ('p', 'a deploy', 'w1', '2026-03-04 12:00Z', '2026-03-05 08:00Z');

create function pg_temp.fail(p_now timestamptz, p_count int) returns void language sql as $$
  select tocsin_internal.admit_errors(tocsin_internal.store_errors(array_agg(row(null, 0, p_now,
      false, false, null, gen_random_uuid(), p_now - make_interval(secs => random() * 25), e.origin,
      e.source, e.type, null, 'p', 'w' || (random() * 3)::int, 'workflow', 's', n, e.node, null,
      null, null, null, null, null, null, null, 'trouble ' || repeat('x', (random() * 12)::int),
      null, '{}')::tocsin_internal.reported_errors), p_now), p_now)
  from generate_series(1, p_count) as n
  cross join lateral (
    select (array['run', 'run', 'report', 'stuck'])[1 + ((random() + 0 * n) * 3)::int] as origin,
      (array['worker', 'webhook', 'system'])[1 + (random() * 2)::int] as source,
      (array['network', 'input', 'timeout'])[1 + (random() * 2)::int] as type,
      (array['http_1', 'http_2', 'load'])[1 + (random() * 2)::int] as node
  ) as e
$$;
create function pg_temp.succeed(p_at timestamptz) returns void language sql as $$
  select tocsin_internal.count_outcomes(array[row(1, 's', 'r', 'p', 'w' || (random() * 3)::int,
    'succeeded', 1, null, null, p_at, p_at, p_at)::tocsin_internal.run_outcomes], p_at)
$$;

create function pg_temp.beat(p_now timestamptz) returns void language plpgsql as $$
begin
  if exists (select from tocsin_internal.throttle_windows
    where closed_at is null and due_at <= p_now)
  then
    perform tocsin_internal.close_windows(p_now);
  end if;
  if exists (select from tocsin.alerts where state = 'firing' and (
    told_at is null or last_told_at <= p_now - interval '4 hours'
    or escalated is null and fired_at <= p_now - interval '45 minutes'))
  then
    perform tocsin_internal.remind(p_now);
  end if;
end
$$;

select setseed(0.11);
do $$
declare
  v_minute timestamptz;
  v_is_bad boolean;
begin
  for v_minute in
    select generate_series('2026-03-02 00:00Z'::timestamptz, '2026-03-08 23:59Z', '1 minute')
  loop
    v_is_bad := v_minute between '2026-03-06 10:00Z' and '2026-03-06 13:00Z';
    perform pg_temp.beat(v_minute);
    if exists (select from tocsin.alerts where state = 'firing') then
      perform tocsin_internal.end_failures(v_minute, v_minute + interval '6 seconds');
    end if;
    if random() < (case when v_is_bad then 0.15 else 0.012 end) then
      perform pg_temp.fail(v_minute + interval '30 seconds', 1 + (random() * 3)::int);
    end if;
    if random() < (case when v_is_bad then 0.6 else 0.1 end) then
      perform pg_temp.succeed(v_minute + interval '20 seconds');
    end if;
    if random() < 0.002 then
      insert into tocsin.error_group_changes (group_id, project_id, action, changed_at)
      select group_id, project_id, 'resolve', v_minute + interval '30 seconds'
      from tocsin.error_groups order by random() limit 1;
    end if;
    perform pg_temp.beat(v_minute + interval '30 seconds');
  end loop;
end
$$;

create function pg_temp.live_of(p_setting uuid)
returns table (at timestamptz, what text, decision text, reason text, purpose text, title text)
language sql as $$
  select date_trunc('minute', l.decided_at), l.what, l.decision::text, l.reason, n.purpose,
    n.content ->> 'title'
  from tocsin.alert_logs l left join tocsin.notifications n
    on n.notification_id = l.notification_id and l.decision = 'notified'
  where l.setting_id = p_setting
  union all
  select date_trunc('minute', n.decided_at), null, null, null, n.purpose, n.content ->> 'title'
  from tocsin.notifications n where n.setting_id = p_setting and not exists (
    select from tocsin.alert_logs l
    where l.notification_id = n.notification_id and l.decision = 'notified')
$$;
create function pg_temp.replay_of(p_setting tocsin.alert_settings)
returns table (at timestamptz, what text, decision text, reason text, purpose text, title text)
language sql as $$
  select date_trunc('minute', r.at), r.what, r.decision::text, r.reason, r.purpose, r.title
  from tocsin_internal.replay_admission(p_setting, array(
    select t.occurrence
    from tocsin_internal.replay_events(p_setting, '2026-03-02Z', '2026-03-09Z',
      tocsin_internal.backtest_step(p_setting, '2026-03-02Z', '2026-03-09Z')) as t
    order by (t.occurrence).at, t.place), '2026-03-09Z') as r
$$;
select bag_eq(format('select * from pg_temp.replay_of((select s from tocsin.alert_settings s where '
    'setting_id = %L))', setting_id),
  format('select * from pg_temp.live_of(%L)', setting_id),
  format('"%s": every failure is decided and told as it was.', name))
from tocsin.alert_settings order by name;

-- as people see it
create temp table tried as
select s.name, s.setting_id, tocsin.backtest_setting(s.setting_id, '2026-03-02Z', '2026-03-09Z',
  'Europe/Berlin', '2026-03-09Z') as answer
from tocsin.alert_settings s;
select bag_eq(format($$
  select date_trunc('minute', (n ->> 'at')::timestamptz) as at, n ->> 'title' as title,
    n -> 'channels' as channels
  from tried, jsonb_array_elements(answer -> 'notifications') as n
  where name = %L and n ->> 'purpose' <> 'resolved'$$, name), format($$
  select date_trunc('minute', n.decided_at) as at, n.content ->> 'title' as title, coalesce(
    jsonb_agg(d.channel_name order by d.channel_name) filter (where d.channel_name is not null),
    '[]') as channels
  from tocsin.notifications n left join tocsin.deliveries d using (notification_id)
  where n.setting_id = %L and n.purpose <> 'resolved' group by n.notification_id$$, setting_id),
  format('"%s": its notifications go to the channels that they went to.', name))
from tocsin.alert_settings order by name;
select bag_eq($$
  select date_trunc('minute', (a ->> 'fired_at')::timestamptz) as fired_at,
    (a ->> 'resolved_at')::timestamptz as resolved_at,
    (a ->> 'value')::double precision as value, (a ->> 'is_flapping')::boolean as is_flapping,
    a ->> 'workflow_id' as workflow_id, a ->> 'title' as title
  from tried, jsonb_array_elements(answer -> 'alerts') as a where name = 'recovers'
$$, $$
  select date_trunc('minute', fired_at) as fired_at, resolved_at, value, is_flapping, workflow_id,
    title
  from tocsin.alerts where setting_name = 'recovers'
$$, 'The alerts of failed runs are those that there were.');

select cmp_ok((select count(*) from tocsin.alert_logs), '>', 500::bigint, 'A good deal happened:');
select is((select count(*)::int from tried
  where (answer #>> '{summary,notifications}')::int > 0), 7, 'every setting told something,');
select is((
  select count(distinct decision)::int from tocsin.alert_logs where setting_id is not null), 5,
  'with most decisions,');
select ok(exists (select from tocsin.alerts where is_flapping), 'some came and went.');

select * from finish();
rollback;
