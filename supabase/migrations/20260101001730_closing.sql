-- Closing: what is told when a group has waited, a throttle window or a quiet period is over.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.channels_for_many(
  p_setting tocsin.alert_settings, p_notification_id uuid, p_severity tocsin.severity
) returns uuid[]
language sql stable set search_path = ''
as $$
  select tocsin_internal.channels_for(tocsin_internal.own_channels(p_setting.setting_id),
    tocsin_internal.routes_for(p_setting), p_setting, p_severity,
    array_agg(distinct row(l.project_id, l.workflow_id)::tocsin_internal.target),
    array_agg(distinct l.alert_id) filter (where l.what <> 'failure'))
  from tocsin.alert_logs l where l.notification_id = p_notification_id
$$;

comment on function tocsin_internal.channels_for_many(tocsin.alert_settings, uuid,
  tocsin.severity) is 'The channels that what a group, a summary or a digest tells goes to.';

create function tocsin_internal.end_window_now(
  p_window tocsin_internal.throttle_windows, p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_setting tocsin.alert_settings;
  v_end tocsin_internal.window_end;
  v_content jsonb;
begin
  select * into v_setting from tocsin.alert_settings where setting_id = p_window.setting_id;
  v_end := tocsin_internal.end_window(p_window, v_setting,
    tocsin_internal.quiet_end(tocsin_internal.quiet_for(v_setting,
      array(select q from tocsin.quiet_periods q where q.is_enabled), p_now), p_window.severity),
    p_now);
  perform tocsin_internal.keep_windows(array[v_end.window_after]);
  -- another one may have been opened while what it tells was put off
  if (v_end.next_window).window_id is not null and not exists (
    select from tocsin_internal.throttle_windows w
    where w.setting_id = p_window.setting_id and w.source_id = p_window.source_id
      and w.project_id = p_window.project_id and w.workflow_id = p_window.workflow_id
      and not w.is_digest and w.closed_at is null and w.postponed_until is null
  ) then
    perform tocsin_internal.keep_windows(array[v_end.next_window]);
  end if;
  if v_end.tells is null then
    return;
  end if;

  v_content := tocsin_internal.tell(v_end.notification_id, v_end.tells, v_setting,
    tocsin_internal.about_many(v_setting, v_end, tocsin_internal.tally(v_end.notification_id),
      p_now), p_now);
  insert into tocsin.notifications
    (notification_id, setting_id, project_id, workflow_id, purpose, content, decided_at)
  values (v_end.notification_id, p_window.setting_id, p_window.project_id, p_window.workflow_id,
    v_end.tells, v_content, p_now);
  -- a setting that is gone or off tells nothing any more; what it would have told is on record
  if v_setting.is_enabled then
    perform tocsin_internal.make_deliveries(v_end.notification_id,
      tocsin_internal.channels_for_many(v_setting, v_end.notification_id,
        (v_content ->> 'severity')::tocsin.severity), p_now);
    perform tocsin_internal.mark_told(array[v_end.notification_id], p_now);
  end if;
end
$$;

comment on function tocsin_internal.end_window_now(tocsin_internal.throttle_windows, timestamptz) is
  'Ends a window that is due, or its group, with what that tells and the window that follows.';

create function tocsin_internal.end_windows_of(
  p_occurrences tocsin_internal.occurrence[], p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  w tocsin_internal.throttle_windows;
begin
  -- a group and the window that it waits in may both be due
  for v_pass in 1..2 loop
    for w in
      select d.* from tocsin_internal.throttle_windows d
      where d.closed_at is null and d.due_at <= p_now and not d.is_digest
        and d.postponed_until is null and exists (
          select from unnest(p_occurrences) as o
          join tocsin.alert_settings s on s.setting_id = o.setting_id
          where o.setting_id = d.setting_id and (s.group_by = 'setting'
            or o.project_id = d.project_id and (s.group_by = 'project'
              or o.source_id = d.source_id and o.workflow_id = d.workflow_id)))
      order by d.due_at, d.window_id
    loop
      perform tocsin_internal.end_window_now(w, p_now);
    end loop;
    exit when not found;
  end loop;
end
$$;

comment on function tocsin_internal.end_windows_of(tocsin_internal.occurrence[], timestamptz) is
  'Ends the windows of these occurrences that are due.';

create function tocsin_internal.close_windows(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  w tocsin_internal.throttle_windows;
  v_count bigint := 0;
begin
  perform tocsin_internal.take_turn_to_admit();
  -- a group that was put off and what its window held back are told one after the other
  for v_pass in 1..2 loop
    for w in
      select * from tocsin_internal.throttle_windows
      where closed_at is null and due_at <= p_now order by due_at, window_id limit 1000
    loop
      perform tocsin_internal.end_window_now(w, p_now);
      v_count := v_count + 1;
      exit when clock_timestamp() > v_until;
    end loop;
  end loop;
  return v_count;
end
$$;

comment on function tocsin_internal.close_windows(timestamptz) is
  'Ends the windows that are due, with a summary of what each held back, and tells the groups that '
  'have waited. A stage of the heart. Returns how many.';

revoke all on all functions in schema tocsin_internal from public;
