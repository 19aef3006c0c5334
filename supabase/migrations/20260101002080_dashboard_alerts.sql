-- The dashboard's reads of alerts: the list, and the whole story of one, each as one JSON value of
-- one snapshot. As the caller, under the caller's RLS.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.show_alert(p_alert tocsin.alerts) returns json
language sql stable set search_path = ''
as $$
  select json_build_object('alert_id', p_alert.alert_id, 'setting_id', p_alert.setting_id,
    'setting_name', p_alert.setting_name, 'kind', p_alert.kind, 'source_id', p_alert.source_id,
    'project_id', p_alert.project_id, 'workflow_id', p_alert.workflow_id,
    'name', (select n.name from tocsin.names n where n.project_id = p_alert.project_id
      and n.workflow_id = p_alert.workflow_id and n.workflow_id <> ''),
    'severity', p_alert.severity, 'state', p_alert.state, 'is_flapping', p_alert.is_flapping,
    'pending_since', p_alert.pending_since, 'fired_at', p_alert.fired_at,
    'acknowledged_at', p_alert.acknowledged_at, 'acknowledged_by', p_alert.acknowledged_by,
    'resolved_at', p_alert.resolved_at, 'told_at', p_alert.told_at, 'value', p_alert.value,
    'threshold', p_alert.threshold, 'unit', p_alert.unit, 'sample', p_alert.sample,
    'title', p_alert.title, 'judged_at', p_alert.judged_at)
$$;

comment on function tocsin_internal.show_alert(tocsin.alerts) is
  'An alert as the dashboard shows it: its columns, and what its workflow is called.';

create function tocsin.dashboard_alerts(
  p_from timestamptz, p_to timestamptz, p_project_id text default null, p_limit int default 500
) returns json
language sql stable set search_path = ''
as $$
  with active as (
    select a from tocsin.alerts a
    where a.state <> 'resolved' and (p_project_id is null or a.project_id = p_project_id)
    order by a.state = 'pending', a.state, a.severity desc, a.fired_at desc limit p_limit
  ),
  past as (
    select a from tocsin.alerts a
    where a.state = 'resolved' and a.fired_at < p_to and a.resolved_at >= p_from
      and (p_project_id is null or a.project_id = p_project_id)
    order by a.fired_at desc limit p_limit
  ),
  decided as (
    select l.decision, count(*) as decision_count
    from tocsin.alert_logs l
    where l.decided_at >= p_from and l.decided_at < p_to
      and (p_project_id is null or l.project_id = p_project_id)
    group by 1
  )
  select json_build_object(
    'active', (select coalesce(json_agg(tocsin_internal.show_alert(a)), '[]') from active),
    'past', (select coalesce(json_agg(tocsin_internal.show_alert(a)), '[]') from past),
    'decisions', (select coalesce(json_object_agg(decision, decision_count), '{}') from decided),
    'notification_count', (
      select count(*) from tocsin.notifications n
      where n.decided_at >= p_from and n.decided_at < p_to
        and (p_project_id is null or n.project_id = p_project_id)))
$$;

comment on function tocsin.dashboard_alerts(timestamptz, timestamptz, text, int) is
  'Alerts for the dashboard: {active, past, decisions, notification_count}. active: all that are '
  'not over. past: those that fired and were not over before p_from. decisions: how many of each '
  'were made in the range.';

create function tocsin_internal.show_notification(p_notification tocsin.notifications)
returns json
language sql stable set search_path = ''
as $$
  select json_build_object('notification_id', p_notification.notification_id,
    'purpose', p_notification.purpose, 'title', p_notification.content ->> 'title',
    'decided_at', p_notification.decided_at,
    'deliveries', (
      select coalesce(json_agg(json_build_object('delivery_id', d.delivery_id,
        'channel_id', d.channel_id, 'channel_kind', d.channel_kind,
        'channel_name', d.channel_name, 'recipient', d.recipient, 'state', d.state,
        'attempt_count', d.attempt_count, 'next_attempt_at', d.next_attempt_at,
        'last_error', d.last_error, 'delivered_at', d.delivered_at,
        'attempts', (
          select coalesce(json_agg(json_build_object('attempt', t.attempt, 'outcome', t.outcome,
            'started_at', t.started_at, 'finished_at', t.finished_at,
            'http_status', t.http_status, 'error', t.error, 'response', t.response,
            'provider_id', t.provider_id) order by t.attempt), '[]')
          from tocsin.delivery_attempts t where t.delivery_id = d.delivery_id))
        order by d.channel_name, d.recipient), '[]')
      from tocsin.deliveries d where d.notification_id = p_notification.notification_id))
$$;

comment on function tocsin_internal.show_notification(tocsin.notifications) is
  'A notification as the dashboard shows it: with its deliveries, their attempts and the answers.';

create function tocsin.dashboard_alert(p_alert_id uuid) returns json
language sql stable set search_path = '' set jit = off
as $$
  with decided as materialized (
    select l.* from tocsin.alert_logs l
    where l.alert_id = p_alert_id order by l.log_id desc limit 200
  )
  select json_build_object(
    'alert', tocsin_internal.show_alert(a),
    'facts', coalesce(a.context -> 'facts', '[]'),
    'setting', (
      select to_json(s) from tocsin.alert_settings s where s.setting_id = a.setting_id),
    'transitions', (
      select coalesce(json_agg(json_build_object('transition_id', t.transition_id,
        'transition', t.transition, 'at', t.at, 'value', t.value, 'sample', t.sample,
        'note', t.note, 'made_by', t.made_by) order by t.at, t.made_at), '[]')
      from tocsin.alert_transitions t where t.alert_id = p_alert_id),
    'decisions', (
      select coalesce(json_agg(json_build_object('log_id', d.log_id, 'what', d.what,
        'decision', d.decision, 'reason', d.reason, 'notification_id', d.notification_id,
        'event_at', d.event_at, 'decided_at', d.decided_at) order by d.log_id), '[]')
      from decided d),
    'notifications', (
      select coalesce(json_agg(tocsin_internal.show_notification(n) order by n.decided_at), '[]')
      from tocsin.notifications n
      where n.notification_id in (select d.notification_id from decided d)),
    'earlier', (
      select coalesce(json_agg(tocsin_internal.show_alert(e) order by e.fired_at desc), '[]')
      from (
        select * from tocsin.alerts e
        where e.setting_id = a.setting_id and e.fired_at < a.fired_at
          and (e.source_id, e.project_id, e.workflow_id)
            = (a.source_id, a.project_id, a.workflow_id)
        order by e.fired_at desc limit 8
      ) as e))
  from tocsin.alerts a where a.alert_id = p_alert_id
$$;

comment on function tocsin.dashboard_alert(uuid) is
  'The whole story of an alert: {alert, facts, setting, transitions, decisions, notifications, '
  'earlier}. Each notification has its deliveries with their attempts and answers; earlier are '
  'those of the same setting about the same. Null: there is none that the caller may see.';

create function tocsin.dashboard_test(p_delivery_id uuid) returns json
language sql stable set search_path = ''
as $$
  select tocsin_internal.show_notification(n)
  from tocsin.deliveries d join tocsin.notifications n on n.notification_id = d.notification_id
  where d.delivery_id = p_delivery_id
$$;

comment on function tocsin.dashboard_test(uuid) is
  'The notification of a delivery, as send_test_alert() names it: with all its deliveries, their '
  'attempts and answers. Null: there is none that the caller may see.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.show_alert(tocsin.alerts),
  tocsin_internal.show_notification(tocsin.notifications) to authenticated;
revoke all on function tocsin.dashboard_alerts(timestamptz, timestamptz, text, int),
  tocsin.dashboard_alert(uuid), tocsin.dashboard_test(uuid) from public, anon;
grant execute on function tocsin.dashboard_alerts(timestamptz, timestamptz, text, int),
  tocsin.dashboard_alert(uuid), tocsin.dashboard_test(uuid) to authenticated;
