-- The dashboard's answer to "what is broken now": alerts that fire and errors that keep coming,
-- each with since when, whom it hurts, and what was sent to whom. One JSON value of one snapshot,
-- as the caller, under the caller's RLS.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.told_by(p_notification_ids uuid[]) returns json
language sql stable set search_path = ''
as $$
  select coalesce(json_agg(json_build_object('channel_name', c.channel_name,
    'channel_kind', c.channel_kind, 'state', c.state, 'recipient_count', c.recipient_count,
    'notification_count', c.notification_count, 'last_at', c.last_at, 'last_error', c.last_error)
    order by c.last_at desc), '[]')
  from (
    select d.channel_name, d.channel_kind,
      -- the worst of them: one that did not arrive is what matters
      case when bool_or(d.state = 'dead') then 'dead'
        when bool_or(d.state in ('pending', 'sending')) then 'pending' else 'delivered' end
        as state,
      count(distinct coalesce(d.recipient_id, d.channel_id)) as recipient_count,
      count(distinct d.notification_id) as notification_count,
      max(coalesce(d.delivered_at, d.created_at)) as last_at, max(d.last_error) as last_error
    from tocsin.deliveries d
    where d.notification_id = any (p_notification_ids)
    group by d.channel_id, d.channel_name, d.channel_kind
    limit 20
  ) as c
$$;

comment on function tocsin_internal.told_by(uuid[]) is
  'To which channels these notifications went, and how that fared: an array.';

create function tocsin.dashboard_incidents(
  p_project_id text default null, p_limit int default 20,
  p_now timestamptz default clock_timestamp()
) returns json
language sql stable set search_path = '' set jit = off
as $$
  with firing as materialized (
    select a.* from tocsin.alerts a
    where a.state in ('firing', 'acknowledged')
      and (p_project_id is null or a.project_id = p_project_id)
    order by a.state, a.severity desc, a.fired_at desc limit p_limit
  ),
  -- of the runs and errors that an alert is about, the newest ten thousand are looked at
  hurt as (
    select f.alert_id, count(distinct e.run_id) as run_count,
      count(distinct e.user_id) as user_count, count(*) as error_count
    from firing f
    cross join lateral (
      select x.run_id, x.user_id from tocsin.error_metrics x
      where x.timestamp >= f.pending_since - interval '15 minutes'
        and x.ingested_at >= f.pending_since - interval '15 minutes'
        and (f.project_id = '' or x.project_id = f.project_id)
        and (f.workflow_id = '' or x.workflow_id = f.workflow_id)
      order by x.timestamp desc limit 10000
    ) as e
    group by f.alert_id
  ),
  coming as materialized (
    select g.* from tocsin.error_groups g
    where g.status = 'open' and g.last_seen_at >= p_now - interval '1 hour'
      and (p_project_id is null or g.project_id = p_project_id)
    order by g.severity desc, g.last_seen_at desc limit p_limit
  )
  select json_build_object(
    'alerts', (
      select coalesce(json_agg(json_build_object('alert_id', f.alert_id, 'title', f.title,
        'setting_name', f.setting_name, 'kind', f.kind, 'severity', f.severity, 'state', f.state,
        'is_flapping', f.is_flapping, 'source_id', f.source_id, 'project_id', f.project_id,
        'workflow_id', f.workflow_id, 'name', n.name, 'since', f.fired_at, 'value', f.value,
        'threshold', f.threshold, 'unit', f.unit, 'sample', f.sample,
        'acknowledged_at', f.acknowledged_at, 'run_count', coalesce(h.run_count, 0),
        'user_count', coalesce(h.user_count, 0), 'error_count', coalesce(h.error_count, 0),
        'told', tocsin_internal.told_by(array(
          select l.notification_id from tocsin.alert_logs l
          where l.alert_id = f.alert_id and l.notification_id is not null
          order by l.decided_at desc limit 100)))
        order by f.state, f.severity desc, f.fired_at desc), '[]')
      from firing f
      left join hurt h on h.alert_id = f.alert_id
      left join tocsin.names n on n.project_id = f.project_id
        and n.workflow_id = f.workflow_id and f.workflow_id <> ''),
    'errors', (
      select coalesce(json_agg(json_build_object('group_id', g.group_id, 'title', g.title,
        'node', g.node, 'error_type', g.error_type, 'severity', g.severity,
        'project_id', g.project_id, 'first_seen_at', g.first_seen_at,
        'last_seen_at', g.last_seen_at, 'event_count', g.event_count,
        'user_count', g.user_count, 'run_count', g.run_count,
        'workflow_count', g.workflow_count, 'regression_count', g.regression_count,
        'source_id', w.source_id, 'workflow_id', w.workflow_id, 'name', w.name,
        'last_24_hours', (
          select json_agg(coalesce(h.event_count, 0) order by s.hour)
          from generate_series(date_trunc('hour', p_now, 'UTC') - interval '23 hours',
            date_trunc('hour', p_now, 'UTC'), interval '1 hour') as s (hour)
          left join tocsin.error_group_hours h on h.project_id = g.project_id
            and h.fingerprint = g.fingerprint and h.hour = s.hour),
        'told', tocsin_internal.told_by(array(
          select l.notification_id
          from (
            select e.error_id, e.timestamp from tocsin.error_metrics e
            where e.project_id = g.project_id and e.fingerprint = g.fingerprint
              and e.timestamp >= p_now - interval '1 day'
              and e.ingested_at >= p_now - interval '1 day'
            order by e.timestamp desc limit 30
          ) as e
          join tocsin.alert_logs l on l.event_id = e.error_id and l.event_at = e.timestamp
          where l.notification_id is not null)))
        order by g.severity desc, g.last_seen_at desc), '[]')
      from coming g
      -- where it came last
      left join lateral (
        select e.source_id, e.workflow_id, coalesce(n.name, e.workflow_name) as name
        from tocsin.error_metrics e
        left join tocsin.names n on n.project_id = e.project_id
          and n.workflow_id = e.workflow_id and e.workflow_id <> ''
        where e.project_id = g.project_id and e.fingerprint = g.fingerprint
          and e.timestamp >= p_now - interval '1 day'
          and e.ingested_at >= p_now - interval '1 day'
        order by e.timestamp desc limit 1
      ) as w on true))
$$;

comment on function tocsin.dashboard_incidents(text, int, timestamptz) is
  'What is broken now: {alerts, errors}. alerts fire, or are acknowledged; errors are open groups '
  'that were seen within the last hour. Each says where, since when, how many runs and users it '
  'hurt, and told: the channels it was sent to.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.told_by(uuid[]) to authenticated;
revoke all on function tocsin.dashboard_incidents(text, int, timestamptz) from public, anon;
grant execute on function tocsin.dashboard_incidents(text, int, timestamptz) to authenticated;
