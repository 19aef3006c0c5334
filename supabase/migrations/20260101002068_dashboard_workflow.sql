-- The dashboard's page of one workflow: how it fared in a range and in the one before, how long its
-- runs took, its latest failures, the nodes that fail, and what to mark on its chart. One JSON
-- value of one snapshot, as the caller, under the caller's RLS.
--
-- Errors: TC017, raised by what is called here (docs/reference/errors.md).
-- SECURITY DEFINER functions:
--   tocsin_internal.link_to_run(tocsin.error_metrics)  reads the address template of a run source,
--                                                      which only operators see

create function tocsin_internal.duration_percentiles(
  p_from timestamptz, p_to timestamptz, p_project_id text, p_workflow_id text, p_source_id text,
  p_now timestamptz
) returns table (p50 double precision, p95 double precision, p99 double precision)
language sql stable set search_path = '' set jit = off
as $$
  with bin as materialized (
    select bin::int, sum(n)::bigint as n
    from (
      select unnest(b.duration_bins) as bin, unnest(b.duration_bin_counts) as n
      from tocsin_internal.read_buckets(tocsin_internal.finest_minutes(p_from,
          case when p_to - p_from <= interval '6 hours' then 1
            when p_to - p_from <= interval '32 days' then 15 else 1440 end, p_now),
        p_from, p_to, p_project_id, p_workflow_id, p_source_id) as b
    ) as there
    group by 1 having sum(n) > 0
  ),
  histogram as (
    select array_agg(bin order by bin) as bins, array_agg(n order by bin) as counts from bin
  )
  select tocsin_internal.percentile_of_bins(bins, counts, 0.5),
    tocsin_internal.percentile_of_bins(bins, counts, 0.95),
    tocsin_internal.percentile_of_bins(bins, counts, 0.99)
  from histogram
$$;

comment on function tocsin_internal.duration_percentiles(timestamptz, timestamptz, text, text, text,
  timestamptz) is
  'How long runs of a range took, in milliseconds, at most 5 % off; null: none is known.';

create function tocsin_internal.link_to_run(p_event tocsin.error_metrics) returns text
language plpgsql stable security definer set search_path = ''
as $$ begin return tocsin_internal.run_url(p_event); end $$;

comment on function tocsin_internal.link_to_run(tocsin.error_metrics) is
  'The link to the run of an event that the caller has read.';

create function tocsin.dashboard_workflow(
  p_project_id text, p_workflow_id text, p_from timestamptz, p_to timestamptz,
  p_source_id text default null, p_now timestamptz default clock_timestamp()
) returns json
language sql stable set search_path = '' set jit = off
as $$
  with failure as materialized (
    select e.* from tocsin.error_metrics e
    where e.project_id = p_project_id and e.workflow_id = p_workflow_id
      and (p_source_id is null or e.source_id = p_source_id)
      and e.timestamp >= p_from and e.timestamp < p_to and e.ingested_at >= p_from
    order by e.timestamp desc limit 5000
  ),
  summed as materialized (
    select * from tocsin_internal.sum_runs(p_from, p_to, p_project_id, p_workflow_id, p_source_id,
      p_now)
  )
  select json_build_object(
    'name', (select n.name from tocsin.names n
      where n.project_id = p_project_id and n.workflow_id = p_workflow_id and p_workflow_id <> ''),
    'criticality', coalesce((select w.criticality from tocsin.workflow_settings w
      where w.project_id = p_project_id and w.workflow_id = p_workflow_id), 'normal'),
    'last_updated', (select max(m.last_updated) from tocsin.workflow_run_metrics m
      where m.project_id = p_project_id and m.workflow_id = p_workflow_id
        and (p_source_id is null or m.source_id = p_source_id)),
    'now', (select to_json(s) from summed s where s.is_now),
    'before', (select to_json(s) from summed s where not s.is_now),
    'durations', (select to_json(d) from tocsin_internal.duration_percentiles(p_from, p_to,
      p_project_id, p_workflow_id, p_source_id, p_now) as d),
    'failures', (
      select coalesce(json_agg(json_build_object('error_id', f.error_id, 'group_id', g.group_id,
        'timestamp', f.timestamp, 'node', f.node, 'error_type', f.error_type,
        'severity', f.severity, 'message', left(tocsin_internal.message_of(f), 400),
        'run_id', f.run_id, 'source_id', f.source_id, 'attempt', f.attempt,
        'run_url', tocsin_internal.link_to_run(f)) order by f.timestamp desc), '[]')
      from (select * from failure order by timestamp desc limit 50) as f
      left join tocsin.error_groups g
        on g.project_id = f.project_id and g.fingerprint = f.fingerprint),
    'nodes', (
      select coalesce(json_agg(json_build_object('node', n.node, 'count', n.count)
        order by n.count desc), '[]')
      from (select coalesce(f.node, '') as node, count(*) from failure f
        group by 1 order by 2 desc limit 8) as n),
    'alerts', (
      select coalesce(json_agg(json_build_object('alert_id', a.alert_id, 'title', a.title,
        'severity', a.severity, 'state', a.state, 'fired_at', a.fired_at,
        'resolved_at', a.resolved_at) order by a.fired_at desc), '[]')
      from (
        select * from tocsin.alerts a
        where a.fired_at is not null and a.fired_at < p_to
          and coalesce(a.resolved_at, p_now) >= p_from
          and a.project_id = p_project_id and a.workflow_id in (p_workflow_id, '')
        order by a.fired_at desc limit 50
      ) as a),
    'releases', (
      select coalesce(json_agg(json_build_object('release', r.release, 'at', r.at) order by r.at),
        '[]')
      from (select f.release, min(f.timestamp) as at from failure f
        where f.release is not null group by 1 order by 2 desc limit 20) as r))
$$;

comment on function tocsin.dashboard_workflow(text, text, timestamptz, timestamptz, text,
  timestamptz) is
  'The dashboard''s page of one workflow: {name, criticality, last_updated, now, before, '
  'durations, failures, nodes, alerts, releases}. failures are the newest 50; nodes and releases '
  'are of the newest 5,000; releases say when one first failed. Raises TC017.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.duration_percentiles(timestamptz, timestamptz, text, text,
  text, timestamptz),
  tocsin_internal.percentile_of_bins(int[], bigint[], double precision),
  tocsin_internal.bin_value(int), tocsin_internal.link_to_run(tocsin.error_metrics)
  to authenticated, service_role;
revoke all on function tocsin.dashboard_workflow(text, text, timestamptz, timestamptz, text,
  timestamptz) from public, anon;
grant execute on function tocsin.dashboard_workflow(text, text, timestamptz, timestamptz, text,
  timestamptz) to authenticated;
