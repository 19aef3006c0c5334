-- The dashboard's page of one error group: what it is, whom it hurt in a range, where it comes
-- from, its newest errors, and what people decided about it. One JSON value of one snapshot, as
-- the caller, under the caller's RLS.
--
-- SECURITY DEFINER functions: none.

create function tocsin.dashboard_error(
  p_group_id uuid, p_from timestamptz, p_to timestamptz,
  p_now timestamptz default clock_timestamp()
) returns json
language sql stable set search_path = '' set jit = off
as $$
  with g as materialized (select * from tocsin.error_groups where group_id = p_group_id),
  event as materialized (
    select e.* from g
    join tocsin.error_metrics e on e.project_id = g.project_id and e.fingerprint = g.fingerprint
    where e.timestamp >= p_from and e.timestamp < p_to and e.ingested_at >= p_from
    order by e.timestamp desc limit 5000
  ),
  -- the newest, whatever the range: there is always one to look at while it is kept
  sample as materialized (
    select e.* from g
    join tocsin.error_metrics e on e.project_id = g.project_id and e.fingerprint = g.fingerprint
    order by e.timestamp desc limit 20
  )
  select json_build_object(
    'group', to_jsonb(g) - array['spike_minute', 'spike_count', 'rate_window_began_at',
      'rate_window_count'],
    -- impact is known by the day; where all errors of the range are at hand, to the second
    'impact', (
      select case when c.event_count < 5000
          and p_from >= p_now - tocsin_internal.kept_for('error_metrics')
        then to_json(c)
        else (select to_json(i) from tocsin.error_group_impact(p_group_id, p_from, p_to) as i) end
      from (
        select count(*) as event_count, count(distinct e.user_id) as user_count,
          true as user_count_is_exact, count(distinct e.run_id) as run_count,
          true as run_count_is_exact,
          count(distinct nullif(e.workflow_id, '')) as workflow_count
        from event e
      ) as c),
    'workflows', (
      select coalesce(json_agg(json_build_object('source_id', w.source_id,
        'workflow_id', w.workflow_id, 'name', coalesce(n.name, w.name), 'count', w.count)
        order by w.count desc), '[]')
      from (select e.source_id, e.workflow_id, max(e.workflow_name) as name, count(*)
        from event e group by 1, 2 order by 4 desc limit 20) as w
      left join tocsin.names n on n.project_id = g.project_id
        and n.workflow_id = w.workflow_id and w.workflow_id <> ''),
    'users', (
      select coalesce(json_agg(json_build_object('user_id', u.user_id, 'count', u.count)
        order by u.count desc), '[]')
      from (select e.user_id, count(*) from event e where e.user_id is not null
        group by 1 order by 2 desc limit 20) as u),
    'samples', (
      select coalesce(json_agg(json_build_object('error_id', s.error_id,
        'timestamp', s.timestamp, 'message', tocsin_internal.message_of(s), 'stack', s.stack,
        'metadata', s.metadata, 'workflow_id', s.workflow_id,
        'name', coalesce(n.name, s.workflow_name), 'source_id', s.source_id,
        'run_id', s.run_id, 'run_url', tocsin_internal.link_to_run(s), 'node', s.node,
        'attempt', s.attempt, 'user_id', s.user_id, 'component', s.component,
        'environment', s.environment, 'release', s.release, 'exception', s.exception,
        'sqlstate', s.sqlstate, 'http_status', s.http_status,
        'is_sampled_out', s.is_sampled_out) order by s.timestamp desc), '[]')
      from sample s
      left join tocsin.names n on n.project_id = s.project_id
        and n.workflow_id = s.workflow_id and s.workflow_id <> ''),
    'changes', (
      select coalesce(json_agg(json_build_object('action', c.action, 'note', c.note,
        'until_at', c.until_at, 'until_count', c.until_count, 'until_rate', c.until_rate,
        'is_mine', c.changed_by = (select auth.uid()), 'is_person', c.changed_by is not null,
        'changed_at', c.changed_at) order by c.change_id desc), '[]')
      from (select * from tocsin.error_group_changes c where c.group_id = p_group_id
        order by c.change_id desc limit 50) as c))
  from g
$$;

comment on function tocsin.dashboard_error(uuid, timestamptz, timestamptz, timestamptz) is
  'The dashboard''s page of one error group: {group, impact, workflows, users, samples, changes}. '
  'workflows and users are of the newest 5,000 errors of the range; samples are the newest 20. '
  'Null: it is not there, or the caller may not see it.';

revoke all on function tocsin.dashboard_error(uuid, timestamptz, timestamptz, timestamptz)
  from public, anon;
grant execute on function tocsin.dashboard_error(uuid, timestamptz, timestamptz, timestamptz)
  to authenticated;
