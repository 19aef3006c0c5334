-- Admitting: group, throttle, and what a window tells when it ends. The pure core of admission.
--
-- A window belongs to a setting and to what its group_by makes one: a workflow, a project, or
-- everything of the setting. Its first occurrence opens it.
--
--   group wait 0:  as many notifications as throttle_limit allows are let through at once
--   otherwise:     what comes while the group waits is told together, which counts as one
--   the rest is held back until the window closes, and told in one summary, which counts as the
--   first notification of the next window: a storm that goes on is told once a window
--
-- A digest is a window that gathers what a quiet period defers, one for each setting. What is due
-- while it is quiet waits until it no longer is.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.decided as (
  decision tocsin.decision,
  reason text,
  notification_id uuid,
  window_id uuid,
  purpose text
);
comment on type tocsin_internal.decided is
  'A decision: purpose is that of the notification to make now, null when none is.';

create type tocsin_internal.admission as (
  decided tocsin_internal.decided[],
  window_after tocsin_internal.throttle_windows
);
comment on type tocsin_internal.admission is
  'Decisions, one for each occurrence, and the window as it is afterwards; no window: null.';

create type tocsin_internal.window_end as (
  tells text,
  notification_id uuid,
  told_count int,
  since timestamptz,
  severity tocsin.severity,
  window_after tocsin_internal.throttle_windows,
  next_window tocsin_internal.throttle_windows
);
comment on type tocsin_internal.window_end is
  'What a window that is due tells (first: its group; summary; digest; null: nothing), of how '
  'many, since when and how bad; how it is afterwards, and the one that follows it.';

create function tocsin_internal.group_wait_of(p_setting tocsin.alert_settings) returns interval
language sql stable set search_path = ''
as $$
  select coalesce(p_setting.group_wait, (
    select case k.family when 'measure' then interval '30 seconds' else interval '0' end
    from tocsin.alert_kinds k where k.kind = p_setting.kind), interval '0')
$$;

comment on function tocsin_internal.group_wait_of(tocsin.alert_settings) is
  'How long the setting waits for more to tell together: as set, or what its kind''s family does.';

create function tocsin_internal.admit(
  p_setting tocsin.alert_settings, p_window tocsin_internal.throttle_windows,
  p_occurrences tocsin_internal.occurrence[], p_rulings tocsin_internal.ruling[],
  p_now timestamptz
) returns tocsin_internal.admission
language plpgsql volatile set search_path = ''
as $$
declare
  v_wait constant interval := tocsin_internal.group_wait_of(p_setting);
  v_span constant interval := p_setting.throttle_window;
  v_limit constant int := p_setting.throttle_limit;
  w tocsin_internal.throttle_windows := p_window;
  o tocsin_internal.occurrence;
  r tocsin_internal.ruling;
  d tocsin_internal.decided;
  v_held tocsin_internal.decided;
  v_is_held boolean := false;
  v_decided tocsin_internal.decided[] := '{}';
  v_fates jsonb := '{}';
  v_fate tocsin.decision;
  v_place int := 0;
begin
  foreach o in array p_occurrences loop
    v_place := v_place + 1;
    if p_rulings is not null then
      r := p_rulings[v_place];
    end if;

    if r.decision is not null then
      d := row(r.decision, r.reason, null, null, null);
    elsif v_is_held and o.what = 'failure' then
      d := v_held; -- as the one before it: a storm comes down to this
      w.held_count := w.held_count + 1;
    elsif o.what in ('repeated', 'escalated') then
      d := row('notified', case o.what
        when 'repeated' then 'Notified again: the alert still fires, and nobody acknowledged it.'
        else 'Escalated: nobody acknowledged the alert.' end, gen_random_uuid(), null,
        case o.what when 'repeated' then 'repeat' else 'escalation' end);
    elsif o.what = 'resolved' then
      v_fate := coalesce((v_fates ->> o.alert_id::text)::tocsin.decision, r.beginning);
      if v_fate = 'grouped' and w.wait_until is not null then
        d := row(v_fate, 'Grouped: told together with its beginning.', w.group_id, w.window_id,
          null);
        w.grouped_count := w.grouped_count + 1;
      elsif v_fate = 'throttled' and w.held_count > 0 then
        d := row(v_fate, 'Held back: told in the same summary as its beginning.', w.summary_id,
          w.window_id, null);
        w.held_count := w.held_count + 1;
      elsif v_fate = 'notified' then
        d := row(v_fate, 'Notified: the alert is over.', gen_random_uuid(), null, 'resolved');
      else
        d := row('dropped',
          'Dropped: its beginning was not told; if it is, the alert is told as over.',
          null, null, null);
      end if;
    elsif v_wait = interval '0' and v_span = interval '0' and w.wait_until is null then
      d := row('notified', 'Notified: the setting does not throttle.', gen_random_uuid(), null,
        'first');
    else
      if w.window_id is null then
        w.window_id := gen_random_uuid();
        w.setting_id := p_setting.setting_id;
        w.source_id := case p_setting.group_by when 'workflow' then o.source_id else '' end;
        w.project_id := case p_setting.group_by when 'setting' then
          coalesce(p_setting.project_id, '') else o.project_id end;
        w.workflow_id := case p_setting.group_by when 'workflow' then o.workflow_id else '' end;
        w.is_digest := false;
        w.opened_at := p_now;
        w.closes_at := p_now + v_wait + v_span;
        w.notified_count := 0;
        w.grouped_count := 0;
        w.held_count := 0;
      end if;
      if w.wait_until is null and w.notified_count >= v_limit and v_span > interval '0' then
        w.summary_id := coalesce(w.summary_id, gen_random_uuid());
        w.held_count := w.held_count + 1;
        d := row('throttled', format('Held back: the setting allows %s in %s. Told in a summary at '
          '%s, or after a quiet period that holds then.', v_limit,
          tocsin_internal.say_interval(v_span), tocsin_internal.say_time(w.closes_at)),
          w.summary_id, w.window_id, null);
        v_held := d;
        v_is_held := true;
      elsif w.wait_until is not null or v_wait > interval '0' then
        if w.wait_until is null then
          w.wait_until := p_now + v_wait;
          w.group_id := gen_random_uuid();
        end if;
        w.grouped_count := w.grouped_count + 1;
        d := row('grouped', format('Grouped: told with what else comes until %s, or after a quiet '
          'period that holds then.', tocsin_internal.say_time(w.wait_until)), w.group_id,
          w.window_id, null);
      else
        w.notified_count := w.notified_count + 1;
        d := row('notified', case when v_span = interval '0'
          then 'Notified: the setting does not throttle.'
          else format('Notified: number %s of the %s that the setting allows in %s.',
            w.notified_count, v_limit, tocsin_internal.say_interval(v_span)) end,
          gen_random_uuid(), w.window_id, 'first');
      end if;
    end if;

    if d.decision in ('grouped', 'throttled') then
      w.severity := greatest(w.severity, o.severity);
    end if;
    if o.what = 'fired' then
      v_fates := v_fates || jsonb_build_object(o.alert_id, d.decision);
    end if;
    v_decided := array_append(v_decided, d);
  end loop;
  return row(v_decided, w);
end
$$;

comment on function tocsin_internal.admit(tocsin.alert_settings, tocsin_internal.throttle_windows,
  tocsin_internal.occurrence[], tocsin_internal.ruling[], timestamptz) is
  'Decides the occurrences of one window (null: none is open) in their order at p_now, with what '
  'hushes them. Reads and writes no table but alert_kinds.';

create function tocsin_internal.defer(
  p_setting tocsin.alert_settings, p_digest tocsin_internal.throttle_windows,
  p_count int, p_severity tocsin.severity, p_until timestamptz, p_now timestamptz
) returns tocsin_internal.throttle_windows
language plpgsql volatile set search_path = ''
as $$
declare
  w tocsin_internal.throttle_windows := p_digest;
begin
  if w.window_id is null then
    w.window_id := gen_random_uuid();
    w.setting_id := p_setting.setting_id;
    w.source_id := '';
    w.project_id := coalesce(p_setting.project_id, '');
    w.workflow_id := '';
    w.is_digest := true;
    w.opened_at := p_now;
    w.closes_at := p_until;
    w.notified_count := 0;
    w.grouped_count := 0;
    w.held_count := 0;
    w.summary_id := gen_random_uuid();
  end if;
  w.held_count := w.held_count + p_count;
  w.severity := greatest(w.severity, p_severity);
  return w;
end
$$;

comment on function tocsin_internal.defer(tocsin.alert_settings, tocsin_internal.throttle_windows,
  int, tocsin.severity, timestamptz, timestamptz) is
  'A setting''s digest (null: none is open) after p_count more were deferred into it.';

create function tocsin_internal.end_window(
  p_window tocsin_internal.throttle_windows, p_setting tocsin.alert_settings,
  p_quiet_until timestamptz, p_now timestamptz
) returns tocsin_internal.window_end
language plpgsql volatile set search_path = ''
as $$
declare
  w tocsin_internal.throttle_windows := p_window;
  n tocsin_internal.throttle_windows;
  e tocsin_internal.window_end;
  v_span constant interval := coalesce(p_setting.throttle_window, interval '0');
begin
  if p_quiet_until > p_now and (w.wait_until is not null or w.held_count > 0) then
    -- nobody is disturbed by what comes to its end in a quiet period; what breaks through it must
    -- not be held back all that time, and gets a window of its own
    if w.is_digest then
      w.closes_at := p_quiet_until;
    else
      w.postponed_until := p_quiet_until;
    end if;
    e.window_after := w;
    return e;
  end if;

  if not w.is_digest and p_setting.is_enabled and v_span > interval '0' then
    -- in which the summary, or the group that was put off, counts as the first
    n := row(gen_random_uuid(), w.setting_id, w.source_id, w.project_id, w.workflow_id, false,
      p_now, null, p_now + v_span, null, null, 1, 0, 0, null, null, null, null);
  end if;
  e.severity := w.severity;
  if w.wait_until is not null then
    e.tells := 'first';
    e.notification_id := w.group_id;
    e.told_count := w.grouped_count;
    e.since := w.wait_until - tocsin_internal.group_wait_of(p_setting);
    if w.notified_count = 0 then
      w.closes_at := p_now + v_span;
    end if;
    w.notified_count := w.notified_count + 1;
    w.grouped_count := 0;
    w.wait_until := null;
    if w.held_count = 0 then
      w.severity := null;
      if w.postponed_until is not null or v_span = interval '0' then
        w.closed_at := p_now;
        e.next_window := n;
      end if;
    end if;
  else
    w.closed_at := p_now;
    if w.held_count > 0 then
      e.tells := case when w.is_digest then 'digest' else 'summary' end;
      e.notification_id := w.summary_id;
      e.told_count := w.held_count;
      e.since := w.opened_at;
      e.next_window := n;
    end if;
  end if;
  e.window_after := w;
  return e;
end
$$;

comment on function tocsin_internal.end_window(tocsin_internal.throttle_windows,
  tocsin.alert_settings, timestamptz, timestamptz) is
  'What becomes of a window that is due at p_now; p_quiet_until: when what it tells may be told, '
  'if not now. The setting may be null: it is gone.';

revoke all on all functions in schema tocsin_internal from public;
