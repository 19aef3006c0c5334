-- Admission: from failure events to decisions, in the transaction that stores the events.
--
-- Each event meets each setting that wants it. Per setting and workflow a throttle window lets the
-- first through and holds the rest back; when it ends, one summary names and counts what was held
-- back, and counts itself as the first of the next window: a storm that goes on is told once a
-- window.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.url_encode(p_text text) returns text
language sql immutable set search_path = ''
as $$
  select coalesce(string_agg(
    case when byte between 48 and 57 or byte between 65 and 90 or byte between 97 and 122
        or byte in (45, 46, 95, 126) then chr(byte)
      else '%' || upper(lpad(to_hex(byte), 2, '0')) end, '' order by place), '')
  from (
    select place, get_byte(convert_to(p_text, 'UTF8'), place) as byte
    from generate_series(0, octet_length(convert_to(p_text, 'UTF8')) - 1) as place
  ) as bytes
$$;

comment on function tocsin_internal.url_encode(text) is 'Percent-encodes text for a part of a URL.';

create function tocsin_internal.run_url(p_event tocsin.error_metrics) returns text
language sql stable set search_path = ''
as $$
  select replace(replace(replace(s.mapping ->> 'run_url_template',
    '{{run_id}}', tocsin_internal.url_encode(coalesce(p_event.run_id, ''))),
    '{{workflow_id}}', tocsin_internal.url_encode(p_event.workflow_id)),
    '{{project_id}}', tocsin_internal.url_encode(p_event.project_id))
  from tocsin.run_sources s where s.source_id = p_event.source_id
$$;

comment on function tocsin_internal.run_url(tocsin.error_metrics) is
  'The link to the event''s run, from the run_url_template of its source; null when it has none.';

create function tocsin_internal.tell_event(p_event tocsin.error_metrics) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object(
    'error_id', p_event.error_id, 'source_id', p_event.source_id, 'run_id', p_event.run_id,
    'node', p_event.node, 'error_type', p_event.error_type,
    -- in a spike the text is left out: its group has that of the first
    'message', coalesce(p_event.message, case when p_event.is_sampled_out then (
      select g.title from tocsin.error_groups g
      where g.project_id = p_event.project_id and g.fingerprint = p_event.fingerprint) end),
    'occurred_at', p_event.timestamp, 'attempt', p_event.attempt,
    'run_url', tocsin_internal.run_url(p_event))
$$;

comment on function tocsin_internal.tell_event(tocsin.error_metrics) is
  'A failure event as notifications tell it.';

create function tocsin_internal.tell(
  p_notification_id uuid, p_purpose text, p_setting tocsin.alert_settings,
  p_event tocsin.error_metrics, p_held_back jsonb, p_now timestamptz
) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object(
    'version', 1,
    'notification_id', p_notification_id,
    'purpose', p_purpose,
    'kind', p_setting.kind,
    'severity', p_event.severity,
    'setting', jsonb_build_object('setting_id', p_setting.setting_id, 'name', p_setting.name),
    'project_id', p_event.project_id,
    'workflow_id', p_event.workflow_id,
    'workflow_name', p_event.workflow_name,
    'event', tocsin_internal.tell_event(p_event),
    'held_back', p_held_back,
    'throttle', jsonb_build_object('limit', p_setting.throttle_limit,
      'window_seconds', extract(epoch from p_setting.throttle_window)::int),
    'decided_at', p_now)
$$;

comment on function tocsin_internal.tell(uuid, text, tocsin.alert_settings, tocsin.error_metrics,
  jsonb, timestamptz) is
  'The content of a notification: docs/reference/webhook.md has its schema.';

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

create function tocsin_internal.admit_errors(p_error_ids uuid[], p_now timestamptz) returns void
language plpgsql set search_path = ''
as $$
begin
  if cardinality(p_error_ids) = 0 then
    return;
  end if;
  perform tocsin_internal.close_windows(p_now);

  insert into tocsin_internal.throttle_windows
    (setting_id, source_id, project_id, workflow_id, opened_at, closes_at)
  select distinct m.setting_id, m.source_id, m.project_id, m.workflow_id, p_now,
    p_now + m.throttle_window
  from tocsin_internal.match_errors(p_error_ids, p_now) m
  where m.has_channel and m.throttle_window > interval '0'
  on conflict (setting_id, source_id, project_id, workflow_id) where closed_at is null do nothing;

  with matched as (
    select m.*, w.window_id, w.notified_count, w.closes_at, gen_random_uuid() as notification_id,
      row_number() over (
        partition by m.setting_id, m.source_id, m.project_id, m.workflow_id
        order by m.timestamp, m.error_id
      ) as place
    from tocsin_internal.match_errors(p_error_ids, p_now) m
    left join tocsin_internal.throttle_windows w on w.closed_at is null and m.has_channel
      and w.setting_id = m.setting_id and w.source_id = m.source_id
      and w.project_id = m.project_id and w.workflow_id = m.workflow_id
  ),
  decided as materialized (
    select m.*, case
      when m.setting_id is null then 'unmatched'
      when not m.has_channel then 'no_channel'
      when m.throttle_window = interval '0'
        or m.place <= m.throttle_limit - coalesce(m.notified_count, 0) then 'notified'
      else 'throttled' end::tocsin.decision as decision
    from matched m
  ),
  told as (
    insert into tocsin.notifications
      (notification_id, setting_id, project_id, workflow_id, purpose, content, decided_at)
    select d.notification_id, d.setting_id, d.project_id, d.workflow_id, 'first',
      tocsin_internal.tell(d.notification_id, 'first', s, e, null, p_now), p_now
    from decided d
    join tocsin.alert_settings s on s.setting_id = d.setting_id
    join tocsin.error_metrics e on e.error_id = d.error_id and e.ingested_at = p_now
    where d.decision = 'notified'
  ),
  counted as (
    update tocsin_internal.throttle_windows w
    set notified_count = w.notified_count + n.notified, held_count = w.held_count + n.held
    from (
      select window_id, count(*) filter (where decision = 'notified') as notified,
        count(*) filter (where decision = 'throttled') as held
      from decided where window_id is not null group by window_id
    ) as n
    where w.window_id = n.window_id
  )
  insert into tocsin.alert_logs (error_id, setting_id, setting_name, decision, reason,
    notification_id, window_id, source_id, project_id, workflow_id, run_id, severity, event_at,
    decided_at)
  select d.error_id, d.setting_id, d.setting_name, d.decision,
    case d.decision
      when 'unmatched' then case d.origin
        when 'run' then 'No setting that is on wants failed runs of this workflow.'
        else 'No setting that is on wants errors that are no failed runs.' end
      when 'no_channel' then 'The setting has no channel that is on.'
      when 'throttled' then format('Held back: the setting allows %s in %s. Told in a summary at '
        '%s UTC at the latest.', d.throttle_limit,
        tocsin_internal.say_interval(d.throttle_window),
        to_char(d.closes_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
      else case when d.throttle_window = interval '0' then
          'Notified: the setting does not throttle.'
        else format('Notified: number %s of the %s that the setting allows in %s.',
          coalesce(d.notified_count, 0) + d.place, d.throttle_limit,
          tocsin_internal.say_interval(d.throttle_window)) end
    end,
    case when d.decision = 'notified' then d.notification_id end, d.window_id, d.source_id,
    d.project_id, d.workflow_id, d.run_id, d.severity, d.timestamp, p_now
  from decided d
  order by d.timestamp, d.error_id;

  perform tocsin_internal.address_notifications(array(
    select notification_id from tocsin.alert_logs
    where error_id = any (p_error_ids) and decision = 'notified'
  ), p_now);
end
$$;

comment on function tocsin_internal.admit_errors(uuid[], timestamptz) is
  'Decides new failure events: one row in alert_logs for each event and setting that wants it.';

create function tocsin_internal.match_errors(p_error_ids uuid[], p_ingested_at timestamptz)
returns table (error_id uuid, "timestamp" timestamptz, severity tocsin.severity, source_id text,
  project_id text, workflow_id text, run_id text, setting_id uuid, setting_name text,
  throttle_limit int, throttle_window interval, has_channel boolean,
  origin tocsin.error_origin)
language sql stable set search_path = ''
as $$
  select e.error_id, e.timestamp, e.severity, e.source_id, e.project_id, e.workflow_id, e.run_id,
    s.setting_id, s.name, s.throttle_limit, s.throttle_window, coalesce(s.has_channel, false),
    e.origin
  from tocsin.error_metrics e
  left join (
    select s.*, exists (
      select from tocsin.alert_setting_channels sc
      join tocsin.alert_channels c on c.channel_id = sc.channel_id and c.is_enabled
      where sc.setting_id = s.setting_id
    ) as has_channel
    from tocsin.alert_settings s where s.kind = 'run_failed' and s.is_enabled
  ) as s
    on e.origin = 'run' and (s.project_id is null or s.project_id = e.project_id)
    and (s.workflow_id is null or s.workflow_id = e.workflow_id)
  -- the time of storing says which partition
  where e.error_id = any (p_error_ids) and e.ingested_at = p_ingested_at
$$;

comment on function tocsin_internal.match_errors(uuid[], timestamptz) is
  'Each event that was stored at p_ingested_at with each setting that wants it; with no setting '
  'when '
  'none does.';

create function tocsin_internal.close_windows(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_window tocsin_internal.throttle_windows;
  v_setting tocsin.alert_settings;
  v_newest tocsin.error_metrics;
  v_runs jsonb;
  v_summary_id uuid;
  v_count bigint := 0;
begin
  -- Deciding and closing take turns: a window must not end while something is held back into it.
  perform pg_advisory_xact_lock(hashtext('tocsin'), hashtext('admission'));

  for v_window in
    select * from tocsin_internal.throttle_windows
    where closed_at is null and closes_at <= p_now
    order by closes_at limit 1000 for update skip locked
  loop
    v_count := v_count + 1;
    if v_window.held_count = 0 then
      update tocsin_internal.throttle_windows set closed_at = p_now
      where window_id = v_window.window_id;
      continue;
    end if;

    select * into v_setting from tocsin.alert_settings where setting_id = v_window.setting_id;
    select jsonb_agg(tocsin_internal.tell_event(e)
      - array['error_id', 'source_id', 'error_type', 'attempt'] order by e.timestamp desc)
    into v_runs
    from (
      select e.* from tocsin.alert_logs l join tocsin.error_metrics e using (error_id)
      where l.window_id = v_window.window_id and l.decision = 'throttled'
      order by l.event_at desc limit 10
    ) as e;
    select e.* into v_newest
    from tocsin.alert_logs l join tocsin.error_metrics e using (error_id)
    where l.window_id = v_window.window_id and l.decision = 'throttled'
    order by l.event_at desc limit 1;

    v_summary_id := gen_random_uuid();
    insert into tocsin.notifications
      (notification_id, setting_id, project_id, workflow_id, purpose, content, decided_at)
    values (v_summary_id, v_window.setting_id, v_window.project_id, v_window.workflow_id, 'summary',
      tocsin_internal.tell(v_summary_id, 'summary', v_setting, v_newest, jsonb_build_object(
        'count', v_window.held_count, 'since', v_window.opened_at, 'until', p_now,
        'runs', v_runs), p_now), p_now);
    update tocsin_internal.throttle_windows set closed_at = p_now, summary_id = v_summary_id
    where window_id = v_window.window_id;

    -- a setting that is gone or off is not told any more; the summary stays on record
    if v_setting.is_enabled then
      perform tocsin_internal.address_notifications(array[v_summary_id], p_now);
      insert into tocsin_internal.throttle_windows (setting_id, source_id, project_id, workflow_id,
        opened_at, closes_at, notified_count)
      values (v_window.setting_id, v_window.source_id, v_window.project_id, v_window.workflow_id,
        p_now, p_now + v_setting.throttle_window, 1)
      on conflict (setting_id, source_id, project_id, workflow_id) where closed_at is null
        do nothing;
    end if;
  end loop;
  return v_count;
end
$$;

comment on function tocsin_internal.close_windows(timestamptz) is
  'Ends the throttle windows that are over, with a summary of what each held back. A stage of the '
  'heart. Returns how many ended.';

revoke all on all functions in schema tocsin_internal from public;
