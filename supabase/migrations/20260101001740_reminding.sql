-- Reminding: what is told of an alert that goes on while nobody acknowledges it.
--
--   repeated    every repeat_interval of the setting; and, when a silence or a quiet period kept
--               the beginning from being told, as soon as it is over
--   escalated   to each further channel of the setting, when its after_interval has gone by
--
-- Both wait for the end of what hushes them: only what is told is an occurrence.
--
-- SECURITY DEFINER functions: none.

alter table tocsin.alerts add column escalated interval;
comment on column tocsin.alerts.escalated is
  'How far it was escalated: to the channels whose after_interval is at most this. Null: to none.';

create function tocsin_internal.escalation_channels(p_alert tocsin.alerts, p_now timestamptz)
returns uuid[]
language plpgsql stable set search_path = ''
as $$
begin
  return array(
    select sc.channel_id from tocsin.alert_setting_channels sc
    where sc.setting_id = p_alert.setting_id
      and sc.after_interval > coalesce(p_alert.escalated, interval '0')
      and p_alert.fired_at + sc.after_interval <= p_now);
end
$$;

comment on function tocsin_internal.escalation_channels(tocsin.alerts, timestamptz) is
  'The channels to which an alert that goes on is to be escalated now: it has fired for as long as '
  'they wait, and they were not told of it yet.';

create function tocsin_internal.is_due_again(
  p_setting tocsin.alert_settings, p_told_at timestamptz, p_beginning tocsin.decision,
  p_now timestamptz
) returns boolean
language plpgsql immutable set search_path = ''
as $$
begin
  return (
    select p_setting.repeat_interval > interval '0' and case
      when p_told_at is not null then p_told_at + p_setting.repeat_interval <= p_now
      -- what waits for the end of its window is told then
      else p_beginning in ('silenced', 'dropped', 'no_channel') end);
end
$$;

comment on function tocsin_internal.is_due_again(tocsin.alert_settings, timestamptz,
  tocsin.decision, timestamptz) is
  'Whether an alert that goes on is to be told again; p_told_at: when it was last told, if it was; '
  'p_beginning: what became of its beginning.';

create function tocsin_internal.due_reminders(p_setting tocsin.alert_settings, p_now timestamptz)
returns tocsin_internal.occurrence[]
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select array_agg(row(gen_random_uuid(), d.what, (d.a).setting_id, (d.a).alert_id,
        (d.a).source_id, (d.a).project_id, (d.a).workflow_id, null, (d.a).severity, p_now,
        (d.a).title, case when jsonb_typeof((d.a).context -> 'facts') = 'array'
          then (d.a).context -> 'facts' end)::tocsin_internal.occurrence
      order by (d.a).fired_at, (d.a).alert_id, d.what)
    from (
      select a, 'escalated' as what from tocsin.alerts a
      where a.setting_id = p_setting.setting_id and a.state = 'firing' and exists (
        select from tocsin.alert_setting_channels sc
        where sc.setting_id = p_setting.setting_id
          and sc.after_interval > coalesce(a.escalated, interval '0')
          and a.fired_at + sc.after_interval <= p_now)
      union all
      select a, 'repeated' from tocsin.alerts a
      where a.setting_id = p_setting.setting_id and a.state = 'firing'
        and (a.last_told_at is null or a.last_told_at + p_setting.repeat_interval <= p_now)
        and tocsin_internal.is_due_again(p_setting, a.last_told_at,
          case when a.told_at is null then (
            select l.decision from tocsin.alert_logs l
            where l.alert_id = a.alert_id and l.setting_id = a.setting_id
              and l.what in ('fired', 'failure')
            order by l.decided_at desc, l.log_id desc limit 1) end, p_now)
    ) as d);
end
$$;

comment on function tocsin_internal.due_reminders(tocsin.alert_settings, timestamptz) is
  'The alerts of a setting that are to be told again or escalated, but for what hushes that.';

create function tocsin_internal.remind(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_setting tocsin.alert_settings;
  v_due tocsin_internal.occurrence[];
  v_rulings tocsin_internal.ruling[];
  v_count bigint := 0;
begin
  perform tocsin_internal.take_turn_to_admit();
  for v_setting in
    select s.* from tocsin.alert_settings s
    where s.is_enabled and exists (
      select from tocsin.alerts a where a.setting_id = s.setting_id and a.state = 'firing')
    order by s.setting_id
  loop
    v_due := tocsin_internal.due_reminders(v_setting, p_now);
    continue when v_due is null;
    v_rulings := tocsin_internal.hush_now(v_setting, v_due, p_now);
    select array_agg(o order by place) into v_due
    from (select o, row_number() over () as place from unnest(v_due) as o) as n
    -- an escalation names its own channels
    where (v_rulings[place]).decision is null
      or (v_rulings[place]).decision = 'no_channel' and (o).what = 'escalated';
    continue when v_due is null;
    perform tocsin_internal.decide_for(v_setting, v_due, null, p_now);
    update tocsin.alerts a
    set escalated = (
      select max(sc.after_interval) from tocsin.alert_setting_channels sc
      where sc.setting_id = a.setting_id and a.fired_at + sc.after_interval <= p_now)
    from unnest(v_due) as o where o.what = 'escalated' and a.alert_id = o.alert_id;
    v_count := v_count + cardinality(v_due);
  end loop;
  return v_count;
end
$$;

comment on function tocsin_internal.remind(timestamptz) is
  'Repeats and escalates the alerts that go on while nobody acknowledges them. A stage of the '
  'heart. Returns how many.';

revoke all on all functions in schema tocsin_internal from public;
