-- Replaying admission: the clock of a replay.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.replay_admission(
  p_setting tocsin.alert_settings, p_occurrences tocsin_internal.occurrence[],
  p_until timestamptz default null
) returns table (at timestamptz, what text, decision tocsin.decision, reason text, purpose text,
  title text, event_id uuid, notification_id uuid, alert_id uuid, severity tocsin.severity,
  target tocsin_internal.target)
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_periods constant tocsin.quiet_periods[] :=
    array(select q from tocsin.quiet_periods q where q.is_enabled);
  v_silences constant tocsin.silences[] := array(select s from tocsin.silences s);
  v_steps constant interval[] := array(
    select distinct sc.after_interval from tocsin.alert_setting_channels sc
    where sc.setting_id = p_setting.setting_id and sc.after_interval > interval '0');
  v_todo constant tocsin_internal.occurrence[] := array(
    select row(o.event_id, o.what, o.setting_id, o.alert_id, o.source_id, o.project_id,
      o.workflow_id, o.run_id, o.severity, o.at, o.title, o.facts)::tocsin_internal.occurrence
    from unnest(p_occurrences) with ordinality as o order by o.at, o.ordinality);
  v_last constant timestamptz := coalesce(p_until, v_todo[cardinality(v_todo)].at);
  v_place int := 1;
  v_now timestamptz := '-infinity';
  v_due timestamptz;
  v_next timestamptz;
  v_windows tocsin_internal.throttle_windows[] := '{}';
  v_alerts tocsin_internal.replayed_alert[] := '{}';
  v_waiting tocsin_internal.replayed_telling[] := '{}';
  v_over jsonb := '{}';
  v_batch tocsin_internal.occurrence[];
  v_rulings tocsin_internal.ruling[];
  v_told tocsin_internal.occurrence[];
  v_key record;
  v_end tocsin_internal.window_end;
  v_admission tocsin_internal.admission;
  w tocsin_internal.throttle_windows;
  o tocsin_internal.occurrence;
  r tocsin_internal.ruling;
  d tocsin_internal.decided;
  i int;
begin
  loop
    -- by itself: a query would take a copy of all that is to do
    v_due := v_todo[v_place].at;
    v_next := least(v_due,
      (select min(tocsin_internal.due_at(x)) from unnest(v_windows) as x),
      (select min(x.due) from (
        select tocsin_internal.reminder_due_at(p_setting, v_steps, a) as due
        from unnest(v_alerts) as a) as x
      where x.due <= v_last));
    exit when v_next is null or v_next > p_until;
    v_now := greatest(v_now, v_next);

    -- an alert that is over is told as over by whatever is told at the same moment
    i := v_place;
    while v_todo[i].at <= v_now loop
      if v_todo[i].what = 'resolved' then
        v_over := v_over || jsonb_build_object(v_todo[i].alert_id, v_todo[i].at);
      end if;
      i := i + 1;
    end loop;

    for v_phase in 1..4 loop
      -- 1: throttle windows that are over. 3: digests, and what was put off
      while v_phase in (1, 3) loop
        select place into i from generate_subscripts(v_windows, 1) as place
        where tocsin_internal.due_at(v_windows[place]) <= v_now and (v_phase = 3
          or not (v_windows[place]).is_digest and (v_windows[place]).postponed_until is null)
        order by tocsin_internal.due_at(v_windows[place]) limit 1;
        exit when i is null;
        w := v_windows[i];
        v_end := tocsin_internal.end_window(w, p_setting, tocsin_internal.quiet_end(
          tocsin_internal.quiet_for(p_setting, v_periods, v_now), w.severity), v_now);
        v_windows[i] := v_end.window_after;
        v_windows := array(select x from unnest(v_windows) as x where x.closed_at is null);
        if (v_end.next_window).window_id is not null and not exists (
          select from unnest(v_windows) as x
          where x.source_id = w.source_id and x.project_id = w.project_id
            and x.workflow_id = w.workflow_id and not x.is_digest and x.postponed_until is null
        ) then
          v_windows := array_append(v_windows, v_end.next_window);
        end if;
        if v_end.tells is not null then
          v_told := array(select x.occurrence from unnest(v_waiting) as x
            where x.notification_id = v_end.notification_id);
          v_waiting := array(select x from unnest(v_waiting) as x
            where x.notification_id <> v_end.notification_id);
          for i in 1 .. cardinality(v_alerts) loop
            if exists (select from unnest(v_told) as x
              where x.alert_id = (v_alerts[i].began).alert_id)
            then
              v_alerts[i].told_at := coalesce(v_alerts[i].told_at, v_now);
              v_alerts[i].last_told_at := v_now;
            end if;
          end loop;
          at := v_now;
          what := null;
          decision := null;
          reason := null;
          purpose := v_end.tells;
          title := tocsin_internal.title_of_many(p_setting, v_end, v_told, v_over,
            v_now);
          event_id := null;
          notification_id := v_end.notification_id;
          alert_id := null;
          severity := v_end.severity;
          target := null;
          return next;
        end if;
      end loop;
      continue when v_phase in (1, 3);

      -- 2: what occurs. 4: reminders, but those that are hushed
      v_batch := '{}';
      if v_phase = 2 then
        while v_todo[v_place].at <= v_now loop
          v_batch := array_append(v_batch, v_todo[v_place]);
          v_place := v_place + 1;
        end loop;
      elsif v_alerts <> '{}' then
        v_batch := tocsin_internal.replayed_reminders(p_setting, v_steps, v_alerts, v_now);
      end if;
      continue when coalesce(cardinality(v_batch), 0) = 0;
      v_rulings := tocsin_internal.hush(p_setting, v_batch,
        tocsin_internal.replayed_beginnings(v_batch, v_alerts, v_windows), true, '{}',
        array(select s from unnest(v_silences) as s
          where s.starts_at <= v_now and s.ends_at > v_now),
        v_periods, v_now);
      if v_phase = 4 and v_rulings is not null then
        for i in 1 .. cardinality(v_alerts) loop
          v_alerts[i].hushed_until := (
            select max(v_rulings[place].until) from generate_subscripts(v_batch, 1) as place
            where v_batch[place].alert_id = (v_alerts[i].began).alert_id
              and v_rulings[place].decision is not null);
        end loop;
        v_batch := array(select v_batch[place] from generate_subscripts(v_batch, 1) as place
          where v_rulings[place].decision is null order by place);
        v_rulings := null;
      end if;

      for v_key in
        select k.source_id, k.project_id, k.workflow_id,
          array_agg(v_batch[k.place] order by k.place) as occurrences,
          case when v_rulings is not null then array_agg(v_rulings[k.place] order by k.place) end
            as rulings
        from (
          select place,
            case p_setting.group_by when 'workflow' then v_batch[place].source_id else '' end
              as source_id,
            case p_setting.group_by when 'setting' then coalesce(p_setting.project_id, '')
              else v_batch[place].project_id end as project_id,
            case p_setting.group_by when 'workflow' then v_batch[place].workflow_id else '' end
              as workflow_id
          from generate_subscripts(v_batch, 1) as place
        ) as k group by 1, 2, 3
      loop
        i := (select place from generate_subscripts(v_windows, 1) as place
          where v_windows[place].source_id = v_key.source_id
            and v_windows[place].project_id = v_key.project_id
            and v_windows[place].workflow_id = v_key.workflow_id
            and not v_windows[place].is_digest and v_windows[place].postponed_until is null);
        v_admission := tocsin_internal.admit(p_setting, v_windows[i], v_key.occurrences,
          v_key.rulings, v_now);
        if i is not null then
          v_windows[i] := v_admission.window_after;
        elsif (v_admission.window_after).window_id is not null then
          v_windows := array_append(v_windows, v_admission.window_after);
        end if;

        for v_place_of in 1 .. cardinality(v_key.occurrences) loop
          o := v_key.occurrences[v_place_of];
          d := v_admission.decided[v_place_of];
          r := null;
          if v_key.rulings is not null then
            r := v_key.rulings[v_place_of];
          end if;
          if d.decision = 'deferred' then
            i := coalesce((select place from generate_subscripts(v_windows, 1) as place
              where v_windows[place].is_digest), cardinality(v_windows) + 1);
            v_windows[i] := tocsin_internal.defer(p_setting, v_windows[i], 1, o.severity, r.until,
              v_now);
            d.notification_id := v_windows[i].summary_id;
            d.window_id := v_windows[i].window_id;
          end if;
          if d.notification_id is not null and d.purpose is null then
            v_waiting := array_append(v_waiting,
              row(d.notification_id, o)::tocsin_internal.replayed_telling);
          end if;
          if o.what = 'fired' or o.what = 'failure' and o.alert_id is not null then
            v_alerts := tocsin_internal.replay_beginning(p_setting, v_alerts, o, d, r.until, v_now);
          elsif o.what = 'resolved' then
            v_alerts := array(select x from unnest(v_alerts) as x
              where (x.began).alert_id <> o.alert_id);
          elsif o.what in ('repeated', 'escalated') then
            for i in 1 .. cardinality(v_alerts) loop
              continue when (v_alerts[i].began).alert_id <> o.alert_id;
              v_alerts[i].told_at := coalesce(v_alerts[i].told_at, v_now);
              v_alerts[i].last_told_at := v_now;
              if o.what = 'escalated' then
                v_alerts[i].escalated := (select max(s) from unnest(v_steps) as s
                  where (v_alerts[i].began).at + s <= v_now);
              end if;
            end loop;
          end if;
          at := v_now;
          what := o.what;
          decision := d.decision;
          reason := d.reason;
          purpose := d.purpose;
          title := case when d.purpose is not null then
            tocsin_internal.title_of(p_setting, o) end;
          event_id := o.event_id;
          notification_id := d.notification_id;
          alert_id := o.alert_id;
          severity := o.severity;
          target := row(o.project_id, o.workflow_id)::tocsin_internal.target;
          return next;
        end loop;
      end loop;
    end loop;
  end loop;
end
$$;

comment on function tocsin_internal.replay_admission(tocsin.alert_settings,
  tocsin_internal.occurrence[], timestamptz) is
  'What admission would have decided of these occurrences of a setting, and told, in time''s '
  'order; '
  'p_until: reminders until then. A row for each decision, with its purpose and title when it was '
  'told at once; and one with only these for each group, summary and digest. Writes nothing.';

revoke all on all functions in schema tocsin_internal from public;
