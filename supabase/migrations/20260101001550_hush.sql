-- Hushing: what keeps an occurrence from being told whatever its window says.
--
--   1 a silence    2 no channel that is on    3 a quiet period
--
-- This and the next concept are the pure core of admission: they read no clock and write nothing,
-- and the same functions decide live and in a replay.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.ruling as (
  decision tocsin.decision,
  reason text,
  until timestamptz,
  beginning tocsin.decision
);
comment on type tocsin_internal.ruling is
  'What hushes an occurrence: decision and reason, null when nothing does; until when it does; '
  'and, of a resolved alert, what became of its beginning.';

create function tocsin_internal.say_time(p_at timestamptz) returns text
language sql stable set search_path = ''
as $$ select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' $$;

comment on function tocsin_internal.say_time(timestamptz) is
  'A moment in words: 2026-03-04 10:00:00 UTC.';

create function tocsin_internal.say_interval(p_interval interval) returns text
language sql immutable set search_path = ''
as $$
  select case
    when seconds % 3600 = 0 and seconds > 0 then
      seconds / 3600 || case seconds when 3600 then ' hour' else ' hours' end
    when seconds % 60 = 0 then
      seconds / 60 || case seconds when 60 then ' minute' else ' minutes' end
    else seconds || ' seconds' end
  from (select extract(epoch from p_interval)::bigint) as span (seconds)
$$;

comment on function tocsin_internal.say_interval(interval) is 'A span of time in words: 5 minutes.';

create type tocsin_internal.quiet as (
  period tocsin.quiet_periods,
  until timestamptz
);
comment on type tocsin_internal.quiet is 'A quiet period that holds, and until when.';

create function tocsin_internal.quiet_for(
  p_setting tocsin.alert_settings, p_periods tocsin.quiet_periods[], p_now timestamptz
) returns tocsin_internal.quiet[]
language sql stable set search_path = ''
as $$
  -- a period for the very setting goes before one for the project, deferring before dropping
  select array_agg(row(p.period, p.until)::tocsin_internal.quiet
    order by (p.period).setting_id is null, (p.period).action, p.until desc,
      (p.period).period_id)
  from (
    select period, tocsin_internal.quiet_until(period, p_now) as until
    from unnest(p_periods) as period
    where period.project_id is not distinct from p_setting.project_id
      and (period.setting_id is null or period.setting_id = p_setting.setting_id)
  ) as p
  where p.until is not null
$$;

comment on function tocsin_internal.quiet_for(tocsin.alert_settings, tocsin.quiet_periods[],
  timestamptz) is
  'The periods that keep a setting quiet at p_now, the one that decides first; null: none.';

create function tocsin_internal.quiet_end(
  p_quiet tocsin_internal.quiet[], p_severity tocsin.severity
) returns timestamptz
language plpgsql immutable set search_path = ''
as $$
begin
  return (
    select max(q.until) from unnest(p_quiet) as q
    where (q.period).breaks_through_from is null or p_severity < (q.period).breaks_through_from);
end
$$;

comment on function tocsin_internal.quiet_end(tocsin_internal.quiet[], tocsin.severity) is
  'Until when what is so severe has to wait; null when it need not.';

create function tocsin_internal.hush(
  p_setting tocsin.alert_settings, p_occurrences tocsin_internal.occurrence[],
  p_beginnings tocsin.decision[], p_has_channel boolean, p_routes tocsin.alert_routes[],
  p_silences tocsin.silences[], p_periods tocsin.quiet_periods[], p_now timestamptz
) returns tocsin_internal.ruling[]
language plpgsql stable set search_path = ''
as $$
declare
  v_quiet constant tocsin_internal.quiet[] :=
    tocsin_internal.quiet_for(p_setting, p_periods, p_now);
  v_one tocsin_internal.quiet;
  v_silence tocsin.silences;
  v_fates jsonb := '{}';
  v_rulings tocsin_internal.ruling[] := '{}';
  r tocsin_internal.ruling;
  o tocsin_internal.occurrence;
  v_place int := 0;
begin
  if v_quiet is null and p_has_channel and coalesce(cardinality(p_silences), 0) = 0
    and p_beginnings is null
  then
    return null; -- nothing hushes anything
  end if;

  foreach o in array p_occurrences loop
    v_place := v_place + 1;
    r := null;
    if o.what = 'resolved' then
      r.beginning := coalesce((v_fates ->> o.alert_id::text)::tocsin.decision,
        p_beginnings[v_place]);
    end if;

    select s.* into v_silence from unnest(p_silences) as s
    where tocsin_internal.matches_silence(s, p_setting, o, p_now)
    order by s.ends_at desc, s.silence_id limit 1;
    v_one := null;
    select q.* into v_one from unnest(v_quiet) as q
    where (q.period).breaks_through_from is null or o.severity < (q.period).breaks_through_from
    limit 1;

    if o.what = 'resolved' and not p_setting.notify_resolved then
      r.decision := 'dropped';
      r.reason := 'Dropped: the setting does not tell when an alert is over.';
    elsif v_silence.silence_id is not null then
      r.decision := 'silenced';
      r.until := v_silence.ends_at;
      r.reason := format('Silenced until %s: %s', tocsin_internal.say_time(v_silence.ends_at),
        v_silence.reason);
    elsif not p_has_channel and not exists (
      select from unnest(p_routes) as t
      where tocsin_internal.matches_route(t, p_setting, o.severity,
        row(o.project_id, o.workflow_id)::tocsin_internal.target))
    then
      r.decision := 'no_channel';
      r.reason := 'The setting has no channel that is on.';
    elsif o.what = 'resolved' and r.beginning is null
      or r.beginning in ('silenced', 'dropped', 'no_channel')
    then
      r.decision := 'dropped';
      r.reason := 'Dropped: its beginning was not told; if it is, the alert is told as over.';
    elsif r.beginning in ('grouped', 'throttled') then
      null; -- told together with its beginning
    elsif r.beginning = 'deferred' and v_one.until is null then
      r.decision := 'deferred';
      r.until := p_now;
      r.reason := 'Deferred: told in the same digest as its beginning.';
    elsif v_one.until is not null and (v_one.period).action = 'drop' then
      r.decision := 'dropped';
      r.until := v_one.until;
      r.reason := format('Dropped by the quiet period "%s" until %s.', (v_one.period).name,
        tocsin_internal.say_time(v_one.until));
    elsif v_one.until is not null then
      r.decision := 'deferred';
      r.until := v_one.until;
      r.reason := format('Deferred by the quiet period "%s": told in a digest at %s.',
        (v_one.period).name, tocsin_internal.say_time(v_one.until));
    end if;
    if o.what = 'fired' and r.decision is not null then
      v_fates := v_fates || jsonb_build_object(o.alert_id, r.decision);
    elsif o.what = 'fired' then
      v_fates := v_fates - o.alert_id::text;
    end if;
    v_rulings := array_append(v_rulings, r);
  end loop;
  return v_rulings;
end
$$;

comment on function tocsin_internal.hush(tocsin.alert_settings, tocsin_internal.occurrence[],
  tocsin.decision[], boolean, tocsin.alert_routes[], tocsin.silences[], tocsin.quiet_periods[],
  timestamptz) is
  'For each occurrence what hushes it at p_now; null: nothing hushes any. p_beginnings says of '
  'each resolved alert what became of its beginning: notified when it was told.';

revoke all on all functions in schema tocsin_internal from public;
