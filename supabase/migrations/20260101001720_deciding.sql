-- Deciding: from occurrences to decisions, in the transaction that stores what occurred.
--
-- Each failure event meets each setting that wants it (matching); each time that an alert fires or
-- is resolved it meets its own setting. What hushes it and what its window makes of it is decided
-- by the pure core (hushing, admitting); here the windows, decisions and notifications are written.
--
-- Deciding and ending windows take turns: a window must not end while something is held back into
-- it. Whoever writes to tocsin.alerts in the transaction takes the turn before that, lest two wait
-- for each other.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.take_turn_to_admit() returns void
language sql set search_path = ''
as $$ select pg_advisory_xact_lock(hashtext('tocsin'), hashtext('admission')) $$;

comment on function tocsin_internal.take_turn_to_admit() is
  'Waits until nobody else decides or ends windows; holds the turn until the transaction ends.';

create function tocsin_internal.keep_windows(p_windows tocsin_internal.throttle_windows[])
returns void
language plpgsql set search_path = ''
as $$
begin
  insert into tocsin_internal.throttle_windows as w (window_id, setting_id, source_id, project_id,
    workflow_id, is_digest, opened_at, wait_until, closes_at, postponed_until, notified_count,
    grouped_count, held_count, severity, group_id, summary_id, closed_at)
  select n.window_id, n.setting_id, n.source_id, n.project_id, n.workflow_id, n.is_digest,
    n.opened_at, n.wait_until, n.closes_at, n.postponed_until, n.notified_count, n.grouped_count,
    n.held_count, n.severity, n.group_id, n.summary_id, n.closed_at
  from unnest(p_windows) as n where n.window_id is not null
  on conflict (window_id) do update
    set wait_until = excluded.wait_until, closes_at = excluded.closes_at,
      postponed_until = excluded.postponed_until, notified_count = excluded.notified_count,
      grouped_count = excluded.grouped_count, held_count = excluded.held_count,
      severity = excluded.severity, group_id = excluded.group_id,
      summary_id = excluded.summary_id, closed_at = excluded.closed_at;
end
$$;

comment on function tocsin_internal.keep_windows(tocsin_internal.throttle_windows[]) is
  'Writes windows as they are now.';

create function tocsin_internal.routes_for(p_setting tocsin.alert_settings)
returns tocsin.alert_routes[]
language plpgsql stable set search_path = ''
as $$
begin
  return array(
    select r from tocsin.alert_routes r
    join tocsin.alert_channels c on c.channel_id = r.channel_id and c.is_enabled
    where r.is_enabled and (r.project_id is null or r.project_id = p_setting.project_id)
      and (r.kind is null or r.kind = p_setting.kind));
end
$$;

comment on function tocsin_internal.routes_for(tocsin.alert_settings) is
  'The routes that may add channels to what a setting tells.';

create function tocsin_internal.own_channels(p_setting_id uuid) returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
  return array(
    select sc.channel_id from tocsin.alert_setting_channels sc
    join tocsin.alert_channels c on c.channel_id = sc.channel_id and c.is_enabled
    where sc.setting_id = p_setting_id and sc.after_interval = interval '0');
end
$$;

comment on function tocsin_internal.own_channels(uuid) is
  'The channels through which a setting tells at once.';

create function tocsin_internal.channels_for(
  p_own uuid[], p_routes tocsin.alert_routes[], p_setting tocsin.alert_settings,
  p_severity tocsin.severity, p_targets tocsin_internal.target[], p_alert_ids uuid[]
) returns uuid[]
language plpgsql stable set search_path = ''
as $$
declare
  v_channels uuid[] := p_own;
begin
  if cardinality(p_routes) > 0 then
    v_channels := v_channels || array(
      select r.channel_id from unnest(p_routes) as r
      where exists (
        select from unnest(p_targets) as t
        where tocsin_internal.matches_route(r, p_setting, p_severity, t)));
  end if;
  -- whom an alert was escalated to hears how it ends
  if array_remove(p_alert_ids, null) <> '{}' then
    v_channels := v_channels || array(
      select d.channel_id
      from tocsin.alert_logs l join tocsin.deliveries d on d.notification_id = l.notification_id
      where l.alert_id = any (p_alert_ids) and l.what = 'escalated');
  end if;
  return v_channels;
end
$$;

comment on function tocsin_internal.channels_for(uuid[], tocsin.alert_routes[],
  tocsin.alert_settings, tocsin.severity, tocsin_internal.target[], uuid[]) is
  'The channels that a notification goes to: those of the setting, those that routes add, and '
  'those to which one of the alerts was escalated.';

create function tocsin_internal.beginnings_of(
  p_setting_id uuid, p_occurrences tocsin_internal.occurrence[]
) returns tocsin.decision[]
language plpgsql stable set search_path = ''
as $$
begin
  if not exists (select from unnest(p_occurrences) as o where o.what = 'resolved') then
    return null;
  end if;
  return (
    select array_agg(case
      when a.told_at is not null then 'notified'
      -- what waits in a window that takes nothing more is told as over with its beginning
      when l.decision in ('grouped', 'throttled') and not exists (
        select from tocsin_internal.throttle_windows w
        where w.window_id = l.window_id and w.closed_at is null and w.postponed_until is null)
      then 'dropped'
      else l.decision end order by o.place)
    from (
      select u.what, u.alert_id, row_number() over () as place from unnest(p_occurrences) as u
    ) as o
    left join tocsin.alerts a on a.alert_id = o.alert_id and o.what = 'resolved'
    left join lateral (
      select b.decision, b.window_id from tocsin.alert_logs b
      where b.alert_id = a.alert_id and b.setting_id = p_setting_id
        and b.what in ('fired', 'failure')
      order by b.decided_at desc, b.log_id desc limit 1
    ) as l on true);
end
$$;

comment on function tocsin_internal.beginnings_of(uuid, tocsin_internal.occurrence[]) is
  'Of each alert that is resolved, what became of its beginning: notified when it was told. Null '
  'when none of the occurrences is an alert that is resolved.';

create function tocsin_internal.mark_told(p_notification_ids uuid[], p_now timestamptz)
returns void
language plpgsql set search_path = ''
as $$
begin
  update tocsin.alerts a
  set told_at = coalesce(a.told_at, p_now), last_told_at = p_now
  from (
    select distinct l.alert_id from tocsin.alert_logs l
    where l.notification_id = any (p_notification_ids) and l.alert_id is not null
      and exists (
        select from tocsin.deliveries d where d.notification_id = l.notification_id)
  ) as told
  where a.alert_id = told.alert_id;
end
$$;

comment on function tocsin_internal.mark_told(uuid[], timestamptz) is
  'Notes of the alerts that these notifications tell when they were told.';

create function tocsin_internal.hush_now(
  p_setting tocsin.alert_settings, p_occurrences tocsin_internal.occurrence[], p_now timestamptz
) returns tocsin_internal.ruling[]
language plpgsql stable set search_path = ''
as $$
begin
  return tocsin_internal.hush(p_setting, p_occurrences,
    tocsin_internal.beginnings_of(p_setting.setting_id, p_occurrences),
    tocsin_internal.own_channels(p_setting.setting_id) <> '{}',
    tocsin_internal.routes_for(p_setting),
    array(
      select s from tocsin.silences s
      where s.starts_at <= p_now and s.ends_at > p_now
        and (s.project_id is null or s.project_id = p_setting.project_id)),
    array(
      select q from tocsin.quiet_periods q
      where q.is_enabled and q.project_id is not distinct from p_setting.project_id), p_now);
end
$$;

comment on function tocsin_internal.hush_now(tocsin.alert_settings, tocsin_internal.occurrence[],
  timestamptz) is
  'What hushes occurrences of a setting: hush() with what people have set.';

create function tocsin_internal.decide_for(
  p_setting tocsin.alert_settings, p_occurrences tocsin_internal.occurrence[],
  p_rulings tocsin_internal.ruling[], p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_digest tocsin_internal.throttle_windows;
  v_deferred record;
  v_told uuid[];
  v_places int[];
  v_alerts boolean;
  v_own constant uuid[] := tocsin_internal.own_channels(p_setting.setting_id);
  v_routes constant tocsin.alert_routes[] := tocsin_internal.routes_for(p_setting);
begin
  select count(*) as count, max(r.until) as until,
    max((p_occurrences[r.place]).severity) as severity
  into v_deferred
  from (select decision, until, row_number() over () as place from unnest(p_rulings)) as r
  where r.decision = 'deferred';
  if v_deferred.count > 0 then
    select * into v_digest from tocsin_internal.throttle_windows w
    where w.setting_id = p_setting.setting_id and w.is_digest and w.closed_at is null;
    v_digest := tocsin_internal.defer(p_setting, v_digest, v_deferred.count::int,
      v_deferred.severity, v_deferred.until, p_now);
    perform tocsin_internal.keep_windows(array[v_digest]);
  end if;

  with keyed as (
    select place,
      case p_setting.group_by when 'workflow' then (p_occurrences[place]).source_id else '' end
        as source_id,
      case p_setting.group_by when 'setting' then coalesce(p_setting.project_id, '')
        else (p_occurrences[place]).project_id end as project_id,
      case p_setting.group_by when 'workflow' then (p_occurrences[place]).workflow_id else '' end
        as workflow_id
    from generate_subscripts(p_occurrences, 1) as place
  ),
  gathered as (
    select k.source_id, k.project_id, k.workflow_id,
      array_agg(k.place order by k.place) as places,
      array_agg(p_occurrences[k.place] order by k.place) as occurrences,
      case when p_rulings is not null then array_agg(p_rulings[k.place] order by k.place) end
        as rulings
    from keyed k group by 1, 2, 3
  ),
  admitted as materialized (
    select g.places, tocsin_internal.admit(p_setting, w, g.occurrences, g.rulings, p_now) as a
    from gathered g
    left join tocsin_internal.throttle_windows w
      on w.setting_id = p_setting.setting_id and w.source_id = g.source_id
      and w.project_id = g.project_id and w.workflow_id = g.workflow_id
      and not w.is_digest and w.closed_at is null and w.postponed_until is null
  ),
  windows as (
    select tocsin_internal.keep_windows(array_agg((a).window_after)) from admitted
  ),
  decided as materialized (
    select d.*, p_occurrences[d.place] as o
    from admitted
    cross join lateral unnest(admitted.places, (admitted.a).decided)
      as d (place, decision, reason, notification_id, window_id, purpose)
  ),
  told as (
    insert into tocsin.notifications
      (notification_id, setting_id, project_id, workflow_id, purpose, content, decided_at)
    select d.notification_id, p_setting.setting_id, (d.o).project_id, (d.o).workflow_id, d.purpose,
      tocsin_internal.tell(d.notification_id, d.purpose, p_setting,
        tocsin_internal.about(p_setting, d.o, e, a), p_now), p_now
    from decided d
    -- an event is decided as it is stored: the time says which partition
    left join tocsin.error_metrics e on (d.o).what = 'failure' and e.error_id = (d.o).event_id
      and e.project_id = (d.o).project_id and e.ingested_at = p_now
    left join tocsin.alerts a on a.alert_id = (d.o).alert_id
    where d.purpose is not null order by d.place
  ),
  logged as (
    insert into tocsin.alert_logs (event_id, what, setting_id, setting_name, alert_id, decision,
      reason, notification_id, window_id, source_id, project_id, workflow_id, run_id, severity,
      event_at, decided_at)
    select (d.o).event_id, (d.o).what, p_setting.setting_id, p_setting.name, (d.o).alert_id,
      d.decision, d.reason,
      case d.decision when 'deferred' then v_digest.summary_id else d.notification_id end,
      case d.decision when 'deferred' then v_digest.window_id else d.window_id end,
      (d.o).source_id, (d.o).project_id, (d.o).workflow_id, (d.o).run_id, (d.o).severity,
      (d.o).at, p_now
    from decided d order by d.place
  )
  select array_agg(d.notification_id order by d.place), array_agg(d.place order by d.place),
    bool_or((d.o).alert_id is not null)
  into v_told, v_places, v_alerts
  from decided d where d.purpose is not null and exists (select from windows);

  perform tocsin_internal.make_deliveries(n.notification_id,
    case when (n.o).what = 'escalated' then tocsin_internal.escalation_channels(
        (select a from tocsin.alerts a where a.alert_id = (n.o).alert_id), p_now)
      else tocsin_internal.channels_for(v_own, v_routes, p_setting, (n.o).severity,
        array[row((n.o).project_id, (n.o).workflow_id)::tocsin_internal.target],
        case when (n.o).what <> 'failure' then array[(n.o).alert_id] end) end, p_now)
  from (
    select u.notification_id, p_occurrences[u.place] as o
    from unnest(v_told, v_places) as u (notification_id, place)
  ) as n;
  if v_alerts then
    perform tocsin_internal.mark_told(v_told, p_now);
  end if;
end
$$;

comment on function tocsin_internal.decide_for(tocsin.alert_settings, tocsin_internal.occurrence[],
  tocsin_internal.ruling[], timestamptz) is
  'Decides occurrences, in their order, for one setting with what hushes them, and writes what '
  'comes of it.';

create function tocsin_internal.admit_occurrences(
  p_occurrences tocsin_internal.occurrence[], p_now timestamptz
) returns void
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_one record;
  v_settings uuid[] := '{}';
begin
  if coalesce(cardinality(p_occurrences), 0) = 0 then
    return;
  end if;
  perform tocsin_internal.take_turn_to_admit();
  -- a window that is over takes nothing more, even before its own stage came to end it
  perform tocsin_internal.end_windows_of(p_occurrences, p_now);
  for v_one in
    select s as setting, array_agg(o.o order by (o.o).at, (o.o).event_id) as occurrences
    from (select o from unnest(p_occurrences) as o) as o
    join tocsin.alert_settings s on s.setting_id = (o.o).setting_id
    group by s.setting_id order by s.setting_id
  loop
    perform tocsin_internal.decide_for(v_one.setting, v_one.occurrences,
      tocsin_internal.hush_now(v_one.setting, v_one.occurrences, p_now), p_now);
    v_settings := v_settings || (v_one.setting).setting_id;
  end loop;
  insert into tocsin.alert_logs (event_id, what, setting_id, alert_id, decision, reason, source_id,
    project_id, workflow_id, run_id, severity, event_at, decided_at)
  select o.event_id, o.what, o.setting_id, o.alert_id, 'dropped',
    'Dropped: the setting was deleted just then.', o.source_id, o.project_id, o.workflow_id,
    o.run_id, o.severity, o.at, p_now
  from unnest(p_occurrences) as o
  where o.setting_id <> all (v_settings);
end
$$;

comment on function tocsin_internal.admit_occurrences(tocsin_internal.occurrence[], timestamptz) is
  'Decides occurrences, each for its setting: one row in alert_logs for each.';

create function tocsin_internal.admit_errors(p_error_ids uuid[], p_now timestamptz) returns void
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_occurrences tocsin_internal.occurrence[];
begin
  if coalesce(cardinality(p_error_ids), 0) = 0 then
    return;
  end if;
  with matched as materialized (
    select m.* from tocsin_internal.match_errors(p_error_ids, p_now) as m
  ),
  unmatched as (
    insert into tocsin.alert_logs (event_id, what, decision, reason, source_id, project_id,
      workflow_id, run_id, severity, event_at, decided_at)
    select (m.occurrence).event_id, 'failure', 'unmatched', m.reason, (m.occurrence).source_id,
      (m.occurrence).project_id, (m.occurrence).workflow_id, (m.occurrence).run_id,
      (m.occurrence).severity, (m.occurrence).at, p_now
    from matched m where m.reason is not null
    order by (m.occurrence).at, (m.occurrence).event_id
  )
  select array_agg(m.occurrence) into v_occurrences from matched m where m.reason is null;
  perform tocsin_internal.admit_occurrences(
    tocsin_internal.begin_failures(v_occurrences, p_now), p_now);
end
$$;

comment on function tocsin_internal.admit_errors(uuid[], timestamptz) is
  'Decides failure events that were stored at p_now: one row in alert_logs for each event and '
  'setting that wants it, or one that none did.';

revoke all on all functions in schema tocsin_internal from public;
