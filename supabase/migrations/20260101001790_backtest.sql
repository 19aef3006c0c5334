-- Backtests: what a setting would have told, had it been there, by the evaluator, the state machine
-- and the admission that work live. The answer says at which resolution it could be judged.
--
-- Errors: TC041 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.transitions_of(
  p_setting tocsin.alert_settings, p_from timestamptz, p_to timestamptz, p_now timestamptz
) returns setof tocsin_internal.replayed_transition
language sql stable set search_path = ''
as $$
  select row(gen_random_uuid(), r.transition::text, p_setting.setting_id,
      -- the alert that the transition belongs to, as live would have made a row of it
      md5(r.source_id || chr(10) || r.project_id || chr(10) || r.workflow_id || chr(10)
        || count(*) filter (where r.transition = 'fired') over upto)::uuid,
      r.source_id, r.project_id, r.workflow_id, null, p_setting.severity, r.at,
      r.title || case when r.transition = 'fired' and r.is_flapping then ' (it comes and goes)'
        else '' end, r.facts)::tocsin_internal.occurrence,
    null::bigint, r.pending_since, r.value, r.sample, r.is_flapping
  from tocsin_internal.replay_measure(p_setting, p_from, p_to, p_now) as r
  where r.transition in ('fired', 'resolved')
  window upto as (partition by r.source_id, r.project_id, r.workflow_id order by r.at)
$$;

comment on function tocsin_internal.transitions_of(tocsin.alert_settings, timestamptz, timestamptz,
  timestamptz) is 'What a measure would have given to admission, in a range.';

create function tocsin_internal.backtest_step(
  p_setting tocsin.alert_settings, p_from timestamptz, p_now timestamptz
) returns interval
language sql stable set search_path = ''
as $$
  select case
    when k.family = 'measure' then tocsin_internal.replay_step(p_setting, p_from, p_now)
    when (p_setting.parameters ->> 'resolve_on_success')::boolean
      then make_interval(mins => tocsin_internal.finest_kept(p_from, p_now))
    else interval '0' end
  from tocsin.alert_kinds k where k.kind = p_setting.kind
$$;

comment on function tocsin_internal.backtest_step(tocsin.alert_settings, timestamptz, timestamptz)
  is 'How often a setting can be judged in a backtest; zero: each failure is heard of by itself.';

create function tocsin_internal.is_night(p_at timestamptz, p_time_zone text) returns boolean
language sql immutable set search_path = ''
as $$ select extract(hour from p_at at time zone p_time_zone) not between 7 and 21 $$;

comment on function tocsin_internal.is_night(timestamptz, text) is
  'Whether an instant is between 22:00 and 7:00 in a time zone.';

create function tocsin_internal.channels_of(
  p_setting tocsin.alert_settings, p_own uuid[], p_routes tocsin.alert_routes[],
  p_severity tocsin.severity, p_targets tocsin_internal.target[], p_after interval
) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_agg(c.name order by c.name), '[]') from tocsin.alert_channels c
  where c.channel_id = any (case when p_after is null then tocsin_internal.channels_for(p_own,
      p_routes, p_setting, p_severity, p_targets, null)
    else array(
      -- an escalation names its own
      select sc.channel_id from tocsin.alert_setting_channels sc
      where sc.setting_id = p_setting.setting_id and sc.after_interval = p_after) end)
$$;

comment on function tocsin_internal.channels_of(tocsin.alert_settings, uuid[],
  tocsin.alert_routes[], tocsin.severity, tocsin_internal.target[], interval) is
  'The names of the channels that a notification would go to, those that the caller may see; '
  'p_after: of an escalation after so long.';

create function tocsin_internal.say_backtest(p_summary jsonb) returns text
language sql immutable set search_path = ''
as $$
  select coalesce(concat_ws('; ',
      nullif(concat_ws(', ',
        tocsin_internal.say_count((p_summary ->> 'failures')::bigint, 'failure', 'failures'),
        tocsin_internal.say_count((p_summary ->> 'alerts')::bigint, 'alert', 'alerts'),
        tocsin_internal.say_count((p_summary ->> 'at_night')::bigint, 'at night', 'at night'),
        tocsin_internal.say_count((p_summary ->> 'flapping')::bigint, 'flapped', 'flapped')), ''),
      nullif(concat_ws(', ',
        tocsin_internal.say_count((p_summary ->> 'notifications')::bigint, 'notification',
          'notifications'),
        tocsin_internal.say_count((p_summary ->> 'notifications_at_night')::bigint, 'at night',
          'at night')), '')), '')
$$;

comment on function tocsin_internal.say_backtest(jsonb) is
  'The summary of a backtest in words: 14 alerts, 3 at night, 2 flapped; 25 notifications.';

create function tocsin.backtest(
  p_setting jsonb, p_from timestamptz default null, p_to timestamptz default null,
  p_time_zone text default 'UTC', p_now timestamptz default clock_timestamp()
) returns jsonb
-- the planner knows no sizes here, and would look through all for each
language plpgsql stable set search_path = '' set jit = off set enable_nestloop = off
as $$
declare
  v_setting constant tocsin.alert_settings := tocsin_internal.imagine_setting(p_setting);
  v_to constant timestamptz := least(coalesce(p_to, p_now), date_trunc('minute', p_now));
  v_from constant timestamptz := coalesce(p_from, v_to - interval '30 days');
  v_step interval;
  v_found tocsin_internal.replayed_transition[];
  v_alerts jsonb;
  v_notifications jsonb;
  v_decisions jsonb;
  v_summary jsonb;
begin
  perform tocsin_internal.refuse_bad_range(v_from, v_to, interval '1 day', p_time_zone);
  v_step := tocsin_internal.backtest_step(v_setting, v_from, p_now);
  if (select k.family from tocsin.alert_kinds k where k.kind = v_setting.kind) = 'event' then
    v_found := array(select t
      from tocsin_internal.replay_events(v_setting, v_from, v_to, v_step) as t
      order by (t.occurrence).at, t.place);
  else
    v_found := array(select t
      from tocsin_internal.transitions_of(v_setting, v_from, v_to, p_now) as t
      order by (t.occurrence).at);
  end if;

  with replayed as materialized (
    select r.*, row_number() over () as place
    from tocsin_internal.replay_admission(v_setting,
      array(select f.occurrence from unnest(v_found) as f), v_to) as r
  ),
  alert as materialized (
    select f.alert_id, f.began, f.failures, r.occurrence as ended
    from (
      select distinct on ((u.occurrence).alert_id) (u.occurrence).alert_id, u as began,
        count(*) over (partition by (u.occurrence).alert_id) as failures
      from unnest(v_found) as u
      where (u.occurrence).alert_id is not null and (u.occurrence).what <> 'resolved'
      order by (u.occurrence).alert_id, (u.occurrence).at, u.place
    ) as f
    left join (
      select (u.occurrence).alert_id as alert_id, u.occurrence from unnest(v_found) as u
      where (u.occurrence).what = 'resolved'
    ) as r on r.alert_id = f.alert_id
  ),
  told as materialized (
    select t.place, t.at, t.purpose, t.title, max(d.severity) as severity,
      array_agg(distinct d.target) as targets,
      array_remove(array_agg(distinct d.alert_id), null) as alert_ids
    from replayed t
    left join replayed d on d.notification_id = t.notification_id and d.event_id is not null
    where t.purpose is not null group by 1, 2, 3, 4
  ),
  sent as materialized (
    select t.*, jsonb_build_object('at', t.at, 'purpose', t.purpose, 'title', t.title,
      'severity', t.severity, 'channels', tocsin_internal.channels_of(v_setting, o.own, o.routes,
        t.severity, t.targets, case t.purpose when 'escalation' then (
          select max(sc.after_interval) from tocsin.alert_setting_channels sc, alert a
          where sc.setting_id = v_setting.setting_id and a.alert_id = t.alert_ids[1]
            and sc.after_interval <= t.at - ((a.began).occurrence).at) end)) as notification
    from told t
    cross join (select tocsin_internal.own_channels(v_setting.setting_id) as own,
      tocsin_internal.routes_for(v_setting) as routes) as o
  ),
  told_of as (
    select a.alert_id, jsonb_agg(s.notification order by s.place) as notifications
    from sent s cross join unnest(s.alert_ids) as a (alert_id) group by 1
  )
  select (select jsonb_agg(s.notification order by s.place) from sent s),
    (select jsonb_object_agg(d.decision, d.count) from (
      select r.decision, count(*) as count from replayed r
      where r.decision is not null group by 1) as d),
    (select jsonb_agg(jsonb_build_object('alert_id', a.alert_id,
        'source_id', (a.o).source_id, 'project_id', (a.o).project_id,
        'workflow_id', (a.o).workflow_id, 'pending_since', (a.began).pending_since,
        'fired_at', (a.o).at, 'resolved_at', (a.ended).at,
        'value', case when v_setting.kind = 'run_failed' then a.failures
          else (a.began).value end, 'sample', (a.began).sample,
        'is_flapping', (a.began).is_flapping,
        'title', tocsin_internal.title_of(v_setting, a.o),
        'facts', coalesce((a.o).facts, '[]'),
        'notifications', coalesce(t.notifications, '[]')) order by (a.o).at, a.alert_id)
     from (select alert.*, (began).occurrence as o from alert) as a
     left join told_of t using (alert_id))
  into v_notifications, v_decisions, v_alerts;

  select jsonb_build_object('alerts', count(a),
    'still_firing', count(a) filter (where a -> 'resolved_at' = 'null'),
    'flapping', count(a) filter (where (a ->> 'is_flapping')::boolean),
    'at_night', count(a) filter (where tocsin_internal.is_night(
      (a ->> 'fired_at')::timestamptz, p_time_zone)),
    'firing_seconds', coalesce(sum(extract(epoch from coalesce(
      (a ->> 'resolved_at')::timestamptz, v_to) - (a ->> 'fired_at')::timestamptz)), 0)::bigint,
    'failures', (
      select count(*) from unnest(v_found) as f where (f.occurrence).what = 'failure'),
    'decisions', coalesce(v_decisions, '{}'),
    'notifications', coalesce(jsonb_array_length(v_notifications), 0),
    'notifications_at_night', (
      select count(*) from jsonb_array_elements(v_notifications) as n
      where tocsin_internal.is_night((n ->> 'at')::timestamptz, p_time_zone)))
  into v_summary
  from jsonb_array_elements(v_alerts) as a;

  return jsonb_build_object('from', v_from, 'to', v_to,
    'resolution_seconds', extract(epoch from v_step)::int,
    'is_as_live', v_step = v_setting.evaluation_interval or v_step = interval '0',
    'summary', v_summary || jsonb_build_object('text', tocsin_internal.say_backtest(v_summary)),
    'alerts', coalesce(v_alerts, '[]'), 'notifications', coalesce(v_notifications, '[]'));
end
$$;

comment on function tocsin.backtest(jsonb, timestamptz, timestamptz, text, timestamptz) is
  'What a setting, given as an object of columns of tocsin.alert_settings, would have told from '
  'p_from (30 days ago) to p_to (now): its alerts, the notifications that admission would have '
  'made, with their channels, and a summary; night is 22:00 to 7:00 in p_time_zone. '
  'resolution_seconds says how often it could be judged; 0: each failure by itself. Sees what its '
  'caller may see; writes nothing. Raises TC017, TC018, '
  'TC040, TC041 and TC042.';

create function tocsin.backtest_setting(
  p_setting_id uuid, p_from timestamptz default null, p_to timestamptz default null,
  p_time_zone text default 'UTC', p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_setting tocsin.alert_settings;
begin
  select * into v_setting from tocsin.alert_settings s where s.setting_id = p_setting_id;
  if not found then
    raise exception 'There is no setting % that you may see', p_setting_id using errcode = 'TC041',
      hint = 'select setting_id, name from tocsin.alert_settings';
  end if;
  return tocsin.backtest(to_jsonb(v_setting), p_from, p_to, p_time_zone, p_now);
end
$$;

comment on function tocsin.backtest_setting(uuid, timestamptz, timestamptz, text,
  timestamptz) is
  'tocsin.backtest() of a setting that is there.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.backtest(jsonb, timestamptz, timestamptz, text, timestamptz),
  tocsin.backtest_setting(uuid, timestamptz, timestamptz, text, timestamptz) from public, anon;
grant execute on function tocsin.backtest(jsonb, timestamptz, timestamptz, text, timestamptz),
  tocsin.backtest_setting(uuid, timestamptz, timestamptz, text, timestamptz)
  to authenticated, service_role;

-- Admission runs as the caller too, when it is replayed.
grant execute on function
  tocsin_internal.is_night(timestamptz, text),
  tocsin_internal.transitions_of(tocsin.alert_settings, timestamptz, timestamptz, timestamptz),
  tocsin_internal.backtest_step(tocsin.alert_settings, timestamptz, timestamptz),
  tocsin_internal.channels_of(tocsin.alert_settings, uuid[], tocsin.alert_routes[],
    tocsin.severity, tocsin_internal.target[], interval),
  tocsin_internal.own_channels(uuid),
  tocsin_internal.routes_for(tocsin.alert_settings),
  tocsin_internal.channels_for(uuid[], tocsin.alert_routes[], tocsin.alert_settings,
    tocsin.severity, tocsin_internal.target[], uuid[]),
  tocsin_internal.say_backtest(jsonb),
  tocsin_internal.was_settled(tocsin_internal.occurrence, timestamptz),
  tocsin_internal.replay_beginning(tocsin.alert_settings, tocsin_internal.replayed_alert[],
    tocsin_internal.occurrence, tocsin_internal.decided, timestamptz, timestamptz),
  tocsin_internal.replay_admission(tocsin.alert_settings, tocsin_internal.occurrence[],
    timestamptz),
  tocsin_internal.due_at(tocsin_internal.throttle_windows),
  tocsin_internal.reminder_due_at(tocsin.alert_settings, interval[],
    tocsin_internal.replayed_alert),
  tocsin_internal.hush(tocsin.alert_settings, tocsin_internal.occurrence[], tocsin.decision[],
    boolean, tocsin.alert_routes[], tocsin.silences[], tocsin.quiet_periods[], timestamptz),
  tocsin_internal.replayed_beginnings(tocsin_internal.occurrence[],
    tocsin_internal.replayed_alert[], tocsin_internal.throttle_windows[]),
  tocsin_internal.quiet_for(tocsin.alert_settings, tocsin.quiet_periods[], timestamptz),
  tocsin_internal.quiet_until(tocsin.quiet_periods, timestamptz),
  tocsin_internal.local_instant(timestamp, text, boolean),
  tocsin_internal.matches_silence(tocsin.silences, tocsin.alert_settings,
    tocsin_internal.occurrence, timestamptz),
  tocsin_internal.matches_route(tocsin.alert_routes, tocsin.alert_settings, tocsin.severity,
    tocsin_internal.target),
  tocsin_internal.like_pattern(text),
  tocsin_internal.say_time(timestamptz),
  tocsin_internal.admit(tocsin.alert_settings, tocsin_internal.throttle_windows,
    tocsin_internal.occurrence[], tocsin_internal.ruling[], timestamptz),
  tocsin_internal.group_wait_of(tocsin.alert_settings),
  tocsin_internal.defer(tocsin.alert_settings, tocsin_internal.throttle_windows, int,
    tocsin.severity, timestamptz, timestamptz),
  tocsin_internal.title_of(tocsin.alert_settings, tocsin_internal.occurrence),
  tocsin_internal.replayed_reminders(tocsin.alert_settings, interval[],
    tocsin_internal.replayed_alert[], timestamptz),
  tocsin_internal.is_due_again(tocsin.alert_settings, timestamptz, tocsin.decision, timestamptz),
  tocsin_internal.end_window(tocsin_internal.throttle_windows, tocsin.alert_settings,
    timestamptz, timestamptz),
  tocsin_internal.quiet_end(tocsin_internal.quiet[], tocsin.severity),
  tocsin_internal.title_of_many(tocsin.alert_settings, tocsin_internal.window_end,
    tocsin_internal.occurrence[], jsonb, timestamptz),
  tocsin_internal.say_many(tocsin.alert_settings, text, tocsin_internal.tally, text, interval),
  tocsin_internal.name_window(tocsin.alert_settings, tocsin_internal.throttle_windows, text),
  tocsin_internal.say_count(bigint, text, text),
  tocsin_internal.say_interval(interval),
  tocsin_internal.say_event(text, tocsin.error_metrics),
  tocsin_internal.message_of(tocsin.error_metrics)
  to authenticated, service_role;
