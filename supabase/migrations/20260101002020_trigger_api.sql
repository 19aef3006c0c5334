-- Triggering, for the API: a failure that a server of the project tells of itself (POST
-- /alerts/trigger), and what was decided of an event (GET /alerts/decisions/:event_id).
--
-- What is triggered is a failure event like one that a run table told of: it is stored, grouped,
-- matched and admitted by the heart, and counts as a failed run for settings (not for metrics).
--
-- Errors: TC035 (docs/reference/errors.md).
-- SECURITY DEFINER functions, for service_role alone:
--   tocsin.trigger_alert(…)  writes the queue of reports

create function tocsin.trigger_alert(
  p_failure jsonb, p_idempotency_key text default null, p_environment text default null,
  p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql security definer set search_path = ''
as $$
declare
  v_error tocsin_internal.reported_errors := tocsin_internal.read_report(p_failure);
begin
  v_error.origin := 'run';
  v_error.environment := coalesce(v_error.environment, p_environment);
  -- the key names the event: whoever repeats it names the same one
  v_error.error_id := case when p_idempotency_key is null then gen_random_uuid()
    else left(encode(sha256(convert_to(concat_ws(E'\n', 'trigger',
      coalesce(v_error.project_id, ''), p_idempotency_key), 'UTF8')), 'hex'), 32)::uuid end;
  v_error := tocsin_internal.clean_report(v_error);
  insert into tocsin_internal.seen_errors (error_id, project_id, seen_at)
  values (v_error.error_id, v_error.project_id, p_now)
  on conflict do nothing;
  if found then
    perform tocsin_internal.append_report(v_error);
  end if;
  return jsonb_build_object('event_id', v_error.error_id);
end
$$;

comment on function tocsin.trigger_alert(jsonb, text, text, timestamptz) is
  'Takes a failure, with the fields of POST /error-events, for the heart to store and decide. The '
  'same key in the same project within seven days is the same event, and is taken once. Answers '
  '{event_id}. For service_role. Raises TC035.';

create function tocsin.read_decisions(p_event_id uuid) returns jsonb
language sql stable set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('what', l.what, 'decision', l.decision,
    'reason', l.reason, 'setting_id', l.setting_id, 'setting_name', l.setting_name,
    'project_id', l.project_id, 'workflow_id', l.workflow_id, 'run_id', l.run_id,
    'severity', l.severity, 'event_at', l.event_at, 'decided_at', l.decided_at,
    'notification_id', l.notification_id, 'deliveries', (
      select coalesce(jsonb_agg(jsonb_build_object('delivery_id', d.delivery_id,
        'channel_name', d.channel_name, 'channel_kind', d.channel_kind, 'state', d.state,
        'attempt_count', d.attempt_count, 'last_error', d.last_error,
        'delivered_at', d.delivered_at) order by d.channel_name, d.delivery_id), '[]')
      from tocsin.deliveries d where d.notification_id = l.notification_id))
    order by l.decided_at, l.log_id), '[]')
  from tocsin.alert_logs l where l.event_id = p_event_id
$$;

comment on function tocsin.read_decisions(uuid) is
  'What was decided of an event, for each setting that wanted it, with the deliveries: for the '
  'API.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.trigger_alert(jsonb, text, text, timestamptz),
  tocsin.read_decisions(uuid) from public, anon, authenticated, service_role;
grant execute on function tocsin.trigger_alert(jsonb, text, text, timestamptz) to service_role;
grant execute on function tocsin.read_decisions(uuid) to authenticated, service_role;
