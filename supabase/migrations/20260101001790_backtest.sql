-- Backtests: what a setting would have told, had it been there, by the evaluator, the state machine
-- and the admission that work live. The answer says at which resolution it could be judged.
--
-- Errors: TC041 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.occurrences_of(
  p_setting tocsin.alert_settings, p_from timestamptz, p_to timestamptz, p_now timestamptz
) returns table (occurrence tocsin_internal.occurrence, pending_since timestamptz,
  value double precision, sample bigint, is_flapping boolean, note text)
language sql stable set search_path = ''
as $$
  select row(gen_random_uuid(), r.transition::text, p_setting.setting_id,
      -- the alert that the transition belongs to, as live would have made a row of it
      md5(r.source_id || chr(10) || r.project_id || chr(10) || r.workflow_id || chr(10)
        || count(*) filter (where r.transition = 'fired') over upto)::uuid,
      r.source_id, r.project_id, r.workflow_id, null, p_setting.severity, r.at,
      r.title || case when r.transition = 'fired' and r.is_flapping then ' (it comes and goes)'
        else '' end, r.facts)::tocsin_internal.occurrence,
    r.pending_since, r.value, r.sample, r.is_flapping, r.note
  from tocsin_internal.replay_measure(p_setting, p_from, p_to, p_now) as r
  where r.transition in ('fired', 'resolved')
  window upto as (partition by r.source_id, r.project_id, r.workflow_id order by r.at)
$$;

comment on function tocsin_internal.occurrences_of(tocsin.alert_settings, timestamptz, timestamptz,
  timestamptz) is 'What a measure would have given to admission, in a range.';

create function tocsin_internal.is_night(p_at timestamptz, p_time_zone text) returns boolean
language sql immutable set search_path = ''
as $$ select extract(hour from p_at at time zone p_time_zone) not between 7 and 21 $$;

comment on function tocsin_internal.is_night(timestamptz, text) is
  'Whether an instant is between 22:00 and 7:00 in a time zone.';

create function tocsin.backtest(
  p_setting jsonb, p_from timestamptz default null, p_to timestamptz default null,
  p_time_zone text default 'UTC', p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_setting constant tocsin.alert_settings := tocsin_internal.imagine_setting(p_setting);
  v_to constant timestamptz := least(coalesce(p_to, p_now), date_trunc('minute', p_now));
  v_from constant timestamptz := coalesce(p_from, v_to - interval '30 days');
  v_occurrences tocsin_internal.occurrence[];
  v_alerts jsonb;
  v_notifications jsonb;
  v_step interval;
begin
  perform tocsin_internal.refuse_bad_range(v_from, v_to, interval '1 day', p_time_zone);
  if exists (select from tocsin.alert_kinds k
    where k.kind = v_setting.kind and k.family = 'event')
  then
    raise exception 'A setting of the kind "%" hears of failures one by one', v_setting.kind
      using errcode = 'TC041', hint = 'Backtests are for kinds that measure: failure_rate, '
        'failure_count and the others whose family is measure in tocsin.alert_kinds.';
  end if;
  v_step := tocsin_internal.replay_step(v_setting, v_from, p_now);

  with transition as materialized (
    select t.*, (t.occurrence).alert_id as alert_id, (t.occurrence).what as what,
      (t.occurrence).at as at
    from tocsin_internal.occurrences_of(v_setting, v_from, v_to, p_now) as t
  )
  select (select array_agg(t.occurrence order by t.at) from transition t),
    (select jsonb_agg(jsonb_build_object('alert_id', f.alert_id,
        'source_id', (f.occurrence).source_id, 'project_id', (f.occurrence).project_id,
        'workflow_id', (f.occurrence).workflow_id, 'pending_since', f.pending_since,
        'fired_at', f.at, 'resolved_at', r.at, 'value', f.value, 'sample', f.sample,
        'is_flapping', f.is_flapping, 'title', (f.occurrence).title,
        'facts', (f.occurrence).facts) order by f.at, f.alert_id)
     from transition f
     left join transition r on r.what = 'resolved' and r.alert_id = f.alert_id
     where f.what = 'fired')
  into v_occurrences, v_alerts;

  select jsonb_agg(jsonb_build_object('at', n.at, 'purpose', n.purpose, 'title', n.title)
    order by n.at)
  into v_notifications
  from tocsin_internal.replay_admission(v_setting, coalesce(v_occurrences, '{}'), v_to) as n
  where n.purpose is not null;

  return jsonb_build_object('from', v_from, 'to', v_to,
    'resolution_seconds', extract(epoch from v_step)::int,
    'is_as_live', v_step = v_setting.evaluation_interval,
    'summary', (
      select jsonb_build_object('alerts', count(a), 'still_firing',
          count(a) filter (where a -> 'resolved_at' = 'null'),
        'flapping', count(a) filter (where (a ->> 'is_flapping')::boolean),
        'at_night', count(a) filter (where tocsin_internal.is_night(
          (a ->> 'fired_at')::timestamptz, p_time_zone)),
        'firing_seconds', coalesce(sum(extract(epoch from coalesce(
          (a ->> 'resolved_at')::timestamptz, v_to) - (a ->> 'fired_at')::timestamptz)), 0)::bigint,
        'notifications', coalesce(jsonb_array_length(v_notifications), 0),
        'notifications_at_night', (
          select count(*) from jsonb_array_elements(v_notifications) as n
          where tocsin_internal.is_night((n ->> 'at')::timestamptz, p_time_zone)))
      from jsonb_array_elements(v_alerts) as a),
    'alerts', coalesce(v_alerts, '[]'), 'notifications', coalesce(v_notifications, '[]'));
end
$$;

comment on function tocsin.backtest(jsonb, timestamptz, timestamptz, text, timestamptz) is
  'What a setting, given as an object of columns of tocsin.alert_settings, would have told from '
  'p_from (30 days ago) to p_to (now): its alerts, the notifications that admission would have '
  'made of them, and a summary; night is 22:00 to 7:00 in p_time_zone. resolution_seconds says how '
  'often it could be judged. Sees what its caller may see; writes nothing. Raises TC017, TC018, '
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
  tocsin_internal.occurrences_of(tocsin.alert_settings, timestamptz, timestamptz, timestamptz),
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
    text),
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
