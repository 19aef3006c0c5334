-- Telling of many: what groups, summaries and digests say, made from the decisions that point to
-- them, at the time when they are told. An alert that is over by then is told as over.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.told as (
  decided tocsin.alert_logs,
  event tocsin.error_metrics,
  alert tocsin.alerts
);
comment on type tocsin_internal.told is
  'A decision that a notification tells, with its failure event or its alert.';

create function tocsin_internal.newest_told(p_notification_id uuid, p_limit int)
returns tocsin_internal.told[]
language sql stable set search_path = ''
as $$
  select array_agg(row(t.l, e, a)::tocsin_internal.told order by (t.l).event_at desc,
    (t.l).log_id desc)
  from (
    select l, l.event_at, l.log_id from tocsin.alert_logs l
    where l.notification_id = p_notification_id
      -- an alert that comes several times is told once, by its last
      and (l.alert_id is null or l.what = 'failure' or not exists (
        select from tocsin.alert_logs n
        where n.notification_id = p_notification_id and n.alert_id = l.alert_id
          and n.what <> 'failure' and (n.event_at, n.log_id) > (l.event_at, l.log_id)))
    order by l.event_at desc, l.log_id desc limit p_limit
  ) as t
  left join tocsin.error_metrics e on (t.l).what = 'failure' and e.error_id = (t.l).event_id
    -- an event is decided as it is stored: the time says which partition
    and e.project_id = (t.l).project_id and e.ingested_at = (t.l).decided_at
  left join tocsin.alerts a on a.alert_id = (t.l).alert_id
$$;

comment on function tocsin_internal.newest_told(uuid, int) is
  'The newest of what a notification tells; each alert once.';

create function tocsin_internal.tell_items(
  p_setting tocsin.alert_settings, p_told tocsin_internal.told[]
) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_agg(jsonb_build_object(
    'title', case when (decided).what = 'failure'
      then tocsin_internal.say_event(p_setting.kind, event)
      else tocsin_internal.say_alert(alert, null) end,
    'severity', (decided).severity, 'occurred_at', (decided).event_at,
    'workflow_id', (decided).workflow_id, 'run_id', (decided).run_id,
    'run_url', case when (event).error_id is not null then tocsin_internal.run_url(event) end,
    'message', tocsin_internal.message_of(event)) order by place)
  from unnest(p_told) with ordinality as t (decided, event, alert, place)
$$;

comment on function tocsin_internal.tell_items(tocsin.alert_settings, tocsin_internal.told[]) is
  'What a notification tells, one by one.';

create type tocsin_internal.tally as (
  failures bigint,
  settled bigint,
  firing bigint,
  acknowledged bigint,
  over bigint,
  recovered bigint,
  open bigint
);
comment on type tocsin_internal.tally is
  'What a notification tells of, as it is now: failures; those among them whose group people have '
  'resolved or ignored since; alerts that fire, that somebody acknowledged, that are over; '
  'workflows that succeed again; failures that are neither settled nor followed by a success.';

create function tocsin_internal.tally(p_notification_id uuid) returns tocsin_internal.tally
language sql stable set search_path = ''
as $$
  select row(
    count(*) filter (where l.what = 'failure'),
    count(*) filter (where is_settled),
    count(distinct a.alert_id) filter (where is_measure and a.state::text <> 'resolved'
      and a.acknowledged_at is null),
    count(distinct a.alert_id) filter (where is_measure and a.state::text <> 'resolved'
      and a.acknowledged_at is not null),
    count(distinct a.alert_id) filter (where is_measure and a.state::text = 'resolved'),
    count(distinct a.alert_id) filter (where not is_measure and l.what = 'resolved'),
    count(*) filter (where l.what = 'failure' and is_settled is not true
      and (a.state::text = 'resolved') is not true))::tocsin_internal.tally
  from tocsin.alert_logs l
  left join tocsin.error_metrics e on l.what = 'failure' and e.error_id = l.event_id
    and e.project_id = l.project_id and e.ingested_at = l.decided_at
  left join tocsin.error_groups g
    on g.project_id = e.project_id and g.fingerprint = e.fingerprint
  left join tocsin.alerts a on a.alert_id = l.alert_id
  cross join lateral (
    -- of failed runs the failures are counted, not their alert
    select a.kind <> 'run_failed' as is_measure,
      g.status <> 'open' and g.status_changed_at >= l.decided_at as is_settled
  ) as t
  where l.notification_id = p_notification_id
$$;

comment on function tocsin_internal.tally(uuid) is 'What a notification tells of, counted now.';

create function tocsin_internal.say_count(p_count bigint, p_one text, p_many text) returns text
language sql immutable set search_path = ''
as $$ select p_count || ' ' || case p_count when 1 then p_one else p_many end where p_count > 0 $$;

comment on function tocsin_internal.say_count(bigint, text, text) is
  'A number of things in words: 1 failure, 2 failures; null for none.';

create function tocsin_internal.say_many(
  p_setting tocsin.alert_settings, p_tells text, p_tally tocsin_internal.tally, p_name text,
  p_span interval
) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_tells = 'digest' and p_tally.firing + p_tally.acknowledged + p_tally.open = 0 then
      'While it was quiet: ' || counted || case when p_tally.failures + p_tally.over = 1
        then ', over by now' else ', all over by now' end
    when p_tells = 'digest' then concat_ws(', ', 'While it was quiet: ' || counted,
      tocsin_internal.say_count(p_tally.firing, 'still fires', 'still fire'),
      tocsin_internal.say_count(p_tally.over, 'is over', 'are over'),
      tocsin_internal.say_count(p_tally.acknowledged, 'is acknowledged', 'are acknowledged'),
      tocsin_internal.say_count(p_tally.settled, 'is settled', 'are settled'),
      tocsin_internal.say_count(p_tally.recovered, 'workflow succeeds again',
        'workflows succeed again'))
    else format('%s of %s in %s', counted, coalesce(p_name, 'a setting that is gone'),
        tocsin_internal.say_interval(
          greatest(date_trunc('second', p_span), interval '1 second')))
      || case when p_tally.recovered > 0 and p_setting.group_by = 'workflow'
        then ', it succeeds again' else coalesce(', ' || tocsin_internal.say_count(
          p_tally.recovered, 'workflow succeeds again', 'workflows succeed again'), '') end end
  from (
    select concat_ws(' and ',
      tocsin_internal.say_count(p_tally.failures, more || one, more || one || 's'),
      tocsin_internal.say_count(p_tally.firing + p_tally.acknowledged + p_tally.over,
        more || 'alert', more || 'alerts'))
    from (values (case p_tells when 'summary' then 'more ' else '' end,
      case p_setting.kind when 'run_failed' then 'failure' else 'error' end)) as w (more, one)
  ) as c (counted)
$$;

comment on function tocsin_internal.say_many(tocsin.alert_settings, text, tocsin_internal.tally,
  text, interval) is 'What a group, a summary or a digest tells, in one sentence.';

create function tocsin_internal.name_window(
  p_setting tocsin.alert_settings, p_window tocsin_internal.throttle_windows,
  p_workflow_name text
) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_window.workflow_id <> '' then coalesce(p_workflow_name, p_window.workflow_id)
    when p_window.project_id <> '' and p_setting.group_by = 'project'
      then 'project ' || p_window.project_id
    else p_setting.name end
$$;

comment on function tocsin_internal.name_window(tocsin.alert_settings,
  tocsin_internal.throttle_windows, text) is 'What a window is about, in words.';

create function tocsin_internal.about_many(
  p_setting tocsin.alert_settings, p_end tocsin_internal.window_end,
  p_tally tocsin_internal.tally, p_now timestamptz
) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  w constant tocsin_internal.throttle_windows := p_end.window_after;
  v_told constant tocsin_internal.told[] :=
    tocsin_internal.newest_told(p_end.notification_id, 10);
  v_newest constant tocsin_internal.told := v_told[1];
  v_event constant tocsin.error_metrics := v_newest.event;
  v_alert constant tocsin.alerts := v_newest.alert;
  v_is_one constant boolean := p_end.tells <> 'digest' and cardinality(v_told) = 1;
  v_workflow_name constant text := case when w.workflow_id <> '' then
    coalesce(v_event.workflow_name, v_alert.context ->> 'workflow_name') end;
begin
  return jsonb_build_object(
    'title', case
      when v_is_one and v_event.error_id is not null
        then tocsin_internal.say_event(p_setting.kind, v_event)
      when v_is_one then tocsin_internal.say_alert(v_alert, null)
      else tocsin_internal.say_many(p_setting, p_end.tells, p_tally,
        tocsin_internal.name_window(p_setting, w, v_workflow_name), p_now - p_end.since) end,
    'facts', case
      when p_end.tells = 'digest' then (
        select jsonb_agg(jsonb_build_object('label', f.label, 'value', f.count::text)
          order by place)
        from (values (1, 'Failures', p_tally.failures), (2, 'Settled since', p_tally.settled),
          (3, 'Still firing', p_tally.firing), (4, 'Acknowledged', p_tally.acknowledged),
          (5, 'Over', p_tally.over), (6, 'Succeed again', p_tally.recovered))
          as f (place, label, count)
        where f.count > 0)
      when v_is_one and jsonb_typeof(v_alert.context -> 'facts') = 'array'
        then v_alert.context -> 'facts'
      else '[]'::jsonb end,
    'severity', coalesce(p_end.severity, (v_newest.decided).severity),
    'project_id', w.project_id, 'workflow_id', w.workflow_id, 'workflow_name', v_workflow_name,
    'event', tocsin_internal.tell_event(v_event), 'alert', tocsin_internal.tell_alert(v_alert),
    'items', case when not v_is_one or p_end.tells <> 'first'
      then tocsin_internal.tell_items(p_setting, v_told) end,
    'held_back', case when p_end.tells <> 'first' then jsonb_build_object(
      'count', p_end.told_count, 'since', p_end.since, 'until', p_now,
      'runs', coalesce((
        select jsonb_agg(tocsin_internal.tell_event(t.event)
          - array['error_id', 'source_id', 'error_type', 'attempt'] order by t.place)
        from unnest(v_told) with ordinality as t (decided, event, alert, place)
        where (t.event).error_id is not null), '[]')) end);
end
$$;

comment on function tocsin_internal.about_many(tocsin.alert_settings, tocsin_internal.window_end,
  tocsin_internal.tally, timestamptz) is
  'What a group, a summary or a digest says. The newest stands for them all.';

revoke all on all functions in schema tocsin_internal from public;
