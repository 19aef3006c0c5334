-- Telling: what notifications say. docs/reference/webhook.md has the schema of it.
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
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select replace(replace(replace(s.mapping ->> 'run_url_template',
      '{{run_id}}', tocsin_internal.url_encode(coalesce(p_event.run_id, ''))),
      '{{workflow_id}}', tocsin_internal.url_encode(p_event.workflow_id)),
      '{{project_id}}', tocsin_internal.url_encode(p_event.project_id))
    from tocsin.run_sources s where s.source_id = p_event.source_id);
end
$$;

comment on function tocsin_internal.run_url(tocsin.error_metrics) is
  'The link to the event''s run, from the run_url_template of its source; null when it has none.';

create function tocsin_internal.message_of(p_event tocsin.error_metrics) returns text
language plpgsql stable set search_path = ''
as $$
begin
  if p_event.message is not null or not p_event.is_sampled_out then
    return p_event.message;
  end if;
  -- in a spike the text is left out: its group has that of the first
  return (select g.title from tocsin.error_groups g
    where g.project_id = p_event.project_id and g.fingerprint = p_event.fingerprint);
end
$$;

comment on function tocsin_internal.message_of(tocsin.error_metrics) is
  'The error text of an event, or what its group is called.';

create function tocsin_internal.tell_event(p_event tocsin.error_metrics) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object(
    'error_id', p_event.error_id, 'source_id', p_event.source_id, 'run_id', p_event.run_id,
    'node', p_event.node, 'error_type', p_event.error_type,
    'message', tocsin_internal.message_of(p_event),
    'occurred_at', p_event.timestamp, 'attempt', p_event.attempt,
    'run_url', tocsin_internal.run_url(p_event))
  where p_event.error_id is not null
$$;

comment on function tocsin_internal.tell_event(tocsin.error_metrics) is
  'A failure event as notifications tell it; null: there is none.';

create function tocsin_internal.tell_alert(p_alert tocsin.alerts) returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_object('alert_id', p_alert.alert_id,
    'state', case p_alert.state::text when 'resolved' then 'resolved' else 'firing' end,
    'value', p_alert.value, 'threshold', p_alert.threshold, 'unit', p_alert.unit,
    'sample', p_alert.sample, 'since', p_alert.fired_at, 'resolved_at', p_alert.resolved_at)
  where p_alert.alert_id is not null
$$;

comment on function tocsin_internal.tell_alert(tocsin.alerts) is
  'An alert as notifications tell it; null: there is none.';

create function tocsin_internal.say_event(p_kind text, p_event tocsin.error_metrics) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select case
        when p_event.origin = 'stuck' then coalesce(v.name, 'A run') || ' is stuck'
        when p_kind = 'run_failed' then coalesce(v.name, 'A run') || ' failed'
        when p_kind = 'error_new' then 'New error' || coalesce(' in ' || v.name, '')
        when p_kind = 'error_regressed'
          then 'A resolved error is back' || coalesce(' in ' || v.name, '')
        else 'Error' || coalesce(' in ' || v.name, '') end
      || coalesce(' at ' || p_event.node, '')
      || coalesce(': ' || left(nullif(trim(split_part(
        tocsin_internal.message_of(p_event), E'\n', 1)), ''), 160), '')
    from (select coalesce(nullif(p_event.workflow_name, ''), nullif(p_event.workflow_id, ''),
      nullif(p_event.component, ''))) as v (name));
end
$$;

comment on function tocsin_internal.say_event(text, tocsin.error_metrics) is
  'A failure event in one sentence, as a setting of that kind tells it.';

create function tocsin_internal.say_alert(p_alert tocsin.alerts, p_title text) returns text
language sql stable set search_path = ''
as $$
  select coalesce(p_title, p_alert.title, 'An alert')
    || case when p_alert.state::text = 'resolved'
        then ' (over since ' || tocsin_internal.say_time(p_alert.resolved_at) || ')'
      when p_alert.acknowledged_at is not null then ' (acknowledged)'
      else '' end
$$;

comment on function tocsin_internal.say_alert(tocsin.alerts, text) is
  'An alert in one sentence, as it is now.';

create function tocsin_internal.tell(
  p_notification_id uuid, p_purpose text, p_setting tocsin.alert_settings, p_about jsonb,
  p_now timestamptz
) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
  return '{"title": null, "facts": [], "severity": null, "project_id": "", "workflow_id": "",
    "workflow_name": null, "event": null, "alert": null, "items": null, "held_back": null}'::jsonb
    || p_about || jsonb_build_object(
      'version', 1,
      'notification_id', p_notification_id,
      'purpose', p_purpose,
      'kind', p_setting.kind,
      'setting', jsonb_build_object('setting_id', p_setting.setting_id, 'name', p_setting.name),
      'throttle', jsonb_build_object('limit', p_setting.throttle_limit,
        'window_seconds', extract(epoch from p_setting.throttle_window)::int),
      'decided_at', p_now);
end
$$;

comment on function tocsin_internal.tell(uuid, text, tocsin.alert_settings, jsonb, timestamptz) is
  'The content of a notification: docs/reference/webhook.md has its schema.';

create function tocsin_internal.about(
  p_setting tocsin.alert_settings, p_occurrence tocsin_internal.occurrence,
  p_event tocsin.error_metrics, p_alert tocsin.alerts
) returns jsonb
language plpgsql stable set search_path = ''
as $$
begin
  return jsonb_build_object(
    'title', case when p_occurrence.what = 'failure'
      then tocsin_internal.say_event(p_setting.kind, p_event)
      else coalesce(p_occurrence.title, p_alert.title) end,
    'facts', coalesce(p_occurrence.facts, '[]'), 'severity', p_occurrence.severity,
    'project_id', p_occurrence.project_id, 'workflow_id', p_occurrence.workflow_id,
    'workflow_name', coalesce(p_event.workflow_name, p_alert.context ->> 'workflow_name'),
    'event', case when p_occurrence.what = 'failure'
      then tocsin_internal.tell_event(p_event) end,
    'alert', case when p_occurrence.what <> 'failure'
      then tocsin_internal.tell_alert(p_alert) end);
end
$$;

comment on function tocsin_internal.about(tocsin.alert_settings, tocsin_internal.occurrence,
  tocsin.error_metrics, tocsin.alerts) is
  'What a notification says about one occurrence: a failure event, or an alert.';

revoke all on all functions in schema tocsin_internal from public;
