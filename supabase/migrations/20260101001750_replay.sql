-- Replay: what admission would have decided and told, for a backtest.
--
-- Time goes from one moment at which something happens to the next, and the very functions that
-- decide live decide here: hush(), admit(), defer(), end_window(), is_due_again(). What they made
-- is kept in arrays; nothing is written. Silences and quiet periods are those that are there now,
-- and the setting is taken to have a channel that is on.
--
-- At one moment things come in the order of a beat: throttle windows that are over, what occurs,
-- digests and what was put off, reminders.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.replayed_alert as (
  began tocsin_internal.occurrence,
  fate tocsin.decision,
  window_id uuid,
  told_at timestamptz,
  last_told_at timestamptz,
  escalated interval,
  hushed_until timestamptz
);
comment on type tocsin_internal.replayed_alert is
  'An alert that fires in a replay: what became of its beginning, and when it was told.';

create type tocsin_internal.replayed_telling as (
  notification_id uuid,
  occurrence tocsin_internal.occurrence
);
comment on type tocsin_internal.replayed_telling is
  'An occurrence in a replay that waits for the notification that will tell it.';

create function tocsin_internal.due_at(p_window tocsin_internal.throttle_windows)
returns timestamptz
language plpgsql immutable set search_path = ''
as $$
begin
  return (
    select coalesce(p_window.postponed_until, least(p_window.wait_until, p_window.closes_at)));
end
$$;

comment on function tocsin_internal.due_at(tocsin_internal.throttle_windows) is
  'When a window that was never stored is to be looked at next.';

create function tocsin_internal.reminder_due_at(
  p_setting tocsin.alert_settings, p_steps interval[], p_alert tocsin_internal.replayed_alert
) returns timestamptz
language plpgsql immutable set search_path = ''
as $$
begin
  return (
    select case when d.due is not null then greatest(p_alert.hushed_until, d.due) end
    from (select least(
      case when p_setting.repeat_interval > interval '0' then case
        when p_alert.told_at is not null then p_alert.last_told_at + p_setting.repeat_interval
        when p_alert.fate in ('silenced', 'dropped', 'no_channel') then (p_alert.began).at end end,
      (select min((p_alert.began).at + s) from unnest(p_steps) as s
        where s > coalesce(p_alert.escalated, interval '0')))) as d (due));
end
$$;

comment on function tocsin_internal.reminder_due_at(tocsin.alert_settings, interval[],
  tocsin_internal.replayed_alert) is
  'When an alert that goes on is next told in a replay; null: never.';

create function tocsin_internal.title_of(
  p_setting tocsin.alert_settings, p_occurrence tocsin_internal.occurrence
) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select coalesce(p_occurrence.title, (
      select tocsin_internal.say_event(p_setting.kind, e) from tocsin.error_metrics e
      where p_occurrence.what = 'failure' and e.error_id = p_occurrence.event_id
        and e.project_id = p_occurrence.project_id and e.ingested_at >= p_occurrence.at
      limit 1)));
end
$$;

comment on function tocsin_internal.title_of(tocsin.alert_settings, tocsin_internal.occurrence) is
  'What an occurrence says in one sentence, in a replay.';

create function tocsin_internal.was_settled(
  p_occurrence tocsin_internal.occurrence, p_now timestamptz
) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select coalesce((
      select c.action in ('resolve', 'ignore') and c.changed_at >= p_occurrence.at
      from tocsin.error_metrics e
      join tocsin.error_groups g on g.project_id = e.project_id and g.fingerprint = e.fingerprint
      join tocsin.error_group_changes c on c.group_id = g.group_id
      where p_occurrence.what = 'failure' and e.error_id = p_occurrence.event_id
        and e.project_id = p_occurrence.project_id and e.ingested_at >= p_occurrence.at
        and c.changed_at <= p_now
      order by c.change_id desc limit 1), false));
end
$$;

comment on function tocsin_internal.was_settled(tocsin_internal.occurrence, timestamptz) is
  'Whether people had resolved or ignored the group of a failure between it and p_now.';

create function tocsin_internal.title_of_many(
  p_setting tocsin.alert_settings, p_end tocsin_internal.window_end,
  p_told tocsin_internal.occurrence[], p_over jsonb, p_now timestamptz
) returns text
language sql stable set search_path = ''
as $$
  with one as (
    -- an alert that comes several times is told once, with its beginning's words
    select distinct on (t.id) t.o, (p_over ->> (t.o).alert_id::text)::timestamptz as over_at,
      max((t.o).at) over (partition by t.id) as last_at
    from (
      select o, row_number() over () as place,
        case when o.what = 'failure' then o.event_id else o.alert_id end as id
      from unnest(p_told) as o
    ) as t
    order by t.id, (t.o).what <> 'fired', t.place
  ),
  newest as (select * from one order by last_at desc limit 1),
  tally as (
    select count(*) as count, row(count(*) filter (where (o).what = 'failure'),
      count(*) filter (where is_settled),
      count(*) filter (where p_setting.kind <> 'run_failed' and (o).alert_id is not null
        and over_at is null), 0,
      count(over_at) filter (where p_setting.kind <> 'run_failed'),
      count(*) filter (where p_setting.kind = 'run_failed' and (o).what = 'resolved'),
      count(*) filter (where (o).what = 'failure' and over_at is null and not is_settled))
      ::tocsin_internal.tally as tally
    from one
    cross join lateral (
      select p_end.tells = 'digest' and tocsin_internal.was_settled(o, p_now) as is_settled
    ) as s
  )
  select case
    when t.count > 1 or p_end.tells = 'digest' then tocsin_internal.say_many(p_setting, p_end.tells,
      t.tally, tocsin_internal.name_window(p_setting, p_end.window_after, (
        select e.workflow_name from tocsin.error_metrics e, (
          select (o).* from one where (o).what = 'failure' order by last_at desc limit 1) as f
        where e.error_id = f.event_id and e.project_id = f.project_id and e.ingested_at >= f.at
        limit 1)),
      p_now - p_end.since)
    else tocsin_internal.title_of(p_setting, n.o) || case when (n.o).what = 'failure' then ''
      else coalesce(' (over since ' || tocsin_internal.say_time(n.over_at) || ')', '') end end
  from tally t, newest n
$$;

comment on function tocsin_internal.title_of_many(tocsin.alert_settings,
  tocsin_internal.window_end, tocsin_internal.occurrence[], jsonb, timestamptz) is
  'What a group, a summary or a digest says in one sentence, in a replay; p_over: when alerts were '
  'over, by their ids.';

create function tocsin_internal.replayed_reminders(
  p_setting tocsin.alert_settings, p_steps interval[], p_alerts tocsin_internal.replayed_alert[],
  p_now timestamptz
) returns tocsin_internal.occurrence[]
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select array_agg(row(gen_random_uuid(), d.what, (d.o).setting_id, (d.o).alert_id,
        (d.o).source_id, (d.o).project_id, (d.o).workflow_id, null, (d.o).severity, p_now,
        (d.o).title, (d.o).facts)::tocsin_internal.occurrence
      order by (d.o).at, (d.o).alert_id, d.what)
    from (
      select a.began as o, 'escalated' as what from unnest(p_alerts) as a
      where exists (
        select from unnest(p_steps) as s
        where s > coalesce(a.escalated, interval '0') and (a.began).at + s <= p_now)
      union all
      select a.began, 'repeated' from unnest(p_alerts) as a
      where tocsin_internal.is_due_again(p_setting, a.last_told_at,
        case when a.told_at is null then a.fate end, p_now)
    ) as d);
end
$$;

comment on function tocsin_internal.replayed_reminders(tocsin.alert_settings, interval[],
  tocsin_internal.replayed_alert[], timestamptz) is
  'The alerts of a replay that are to be told again or escalated, but for what hushes that.';

create function tocsin_internal.replay_beginning(
  p_setting tocsin.alert_settings, p_alerts tocsin_internal.replayed_alert[],
  p_occurrence tocsin_internal.occurrence, p_decided tocsin_internal.decided,
  p_hushed_until timestamptz, p_now timestamptz
) returns tocsin_internal.replayed_alert[]
language plpgsql stable set search_path = ''
as $$
declare
  v_told_at constant timestamptz := case when p_decided.purpose is not null then p_now end;
  v_alerts tocsin_internal.replayed_alert[] := p_alerts;
  v_began tocsin_internal.occurrence := p_occurrence;
begin
  for i in 1 .. cardinality(v_alerts) loop
    if (v_alerts[i].began).alert_id = p_occurrence.alert_id then
      -- a workflow that failed before, and fails again
      v_alerts[i].fate := p_decided.decision;
      v_alerts[i].window_id := p_decided.window_id;
      v_alerts[i].told_at := coalesce(v_alerts[i].told_at, v_told_at);
      v_alerts[i].last_told_at := coalesce(v_told_at, v_alerts[i].last_told_at);
      v_alerts[i].hushed_until := null;
      v_began := v_alerts[i].began;
      v_began.severity := greatest(v_began.severity, p_occurrence.severity);
      v_alerts[i].began := v_began;
      return v_alerts;
    end if;
  end loop;
  v_began.title := tocsin_internal.title_of(p_setting, p_occurrence);
  return array_append(v_alerts, row(v_began, p_decided.decision, p_decided.window_id, v_told_at,
    v_told_at, null, p_hushed_until)::tocsin_internal.replayed_alert);
end
$$;

comment on function tocsin_internal.replay_beginning(tocsin.alert_settings,
  tocsin_internal.replayed_alert[], tocsin_internal.occurrence, tocsin_internal.decided,
  timestamptz, timestamptz) is
  'The alerts of a replay after one began, or went on with a further failure.';

create function tocsin_internal.replayed_beginnings(
  p_occurrences tocsin_internal.occurrence[], p_alerts tocsin_internal.replayed_alert[],
  p_windows tocsin_internal.throttle_windows[]
) returns tocsin.decision[]
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select array_agg(case
        when o.what <> 'resolved' then null
        when a.told_at is not null then 'notified'
        when a.fate in ('grouped', 'throttled') and not exists (
          select from unnest(p_windows) as w
          where w.window_id = a.window_id and w.postponed_until is null)
        then 'dropped'
        else a.fate end order by o.place)
    from (
      select u.what, u.alert_id, row_number() over () as place from unnest(p_occurrences) as u
    ) as o
    left join unnest(p_alerts) as a on (a.began).alert_id = o.alert_id and o.what = 'resolved'
    having bool_or(o.what = 'resolved'));
end
$$;

comment on function tocsin_internal.replayed_beginnings(tocsin_internal.occurrence[],
  tocsin_internal.replayed_alert[], tocsin_internal.throttle_windows[]) is
  'beginnings_of() in a replay.';

revoke all on all functions in schema tocsin_internal from public;
