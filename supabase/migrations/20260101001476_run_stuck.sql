-- Runs that do not end: run_stuck. Made of what find_long_runs() has found.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('run_stuck', 'measure', 'Run stuck',
   'Runs of a workflow have been running for longer than they should.', 'evaluate_run_stuck',
   'runs', '{{value}} of {{target}} running for too long',
   'No run of {{target}} is running for too long any more', true, $json$[
    {"name": "longer_than", "type": "interval", "default": "1 hour", "min": "1 minute",
     "max": "30 days",
     "description": "How long a run may run, unless max_duration of its workflow says otherwise."},
    {"name": "threshold", "type": "integer", "default": 1, "min": 1, "max": 10000,
     "description": "Fires when at least so many runs of a workflow are stuck."}
   ]$json$);

create function tocsin_internal.evaluate_run_stuck(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    with setting as materialized (
      select s.setting_id, s.project_id, s.workflow_id,
        (s.parameters ->> 'longer_than')::interval as longer_than,
        (s.parameters ->> 'threshold')::int as threshold
      from unnest(p_settings) as s
    ),
    long as materialized (
      select l.*, w.max_duration
      from tocsin_internal.long_runs l
      left join tocsin.workflow_settings w
        on w.project_id = l.project_id and w.workflow_id = l.workflow_id
      where l.running_since <= p_to and (l.ended_at is null or l.ended_at > p_from)
    ),
    matched as (
      -- in branches, so that one joins by equal keys
      select s.setting_id, s.longer_than, s.threshold, l
      from setting s join long l on l.project_id = s.project_id
      where s.workflow_id is null or s.workflow_id = l.workflow_id
      union all
      select s.setting_id, s.longer_than, s.threshold, l
      from setting s cross join long l where s.project_id is null
    ),
    stuck as (
      select m.setting_id, m.threshold, m.l, step.at,
        coalesce((m.l).max_duration, m.longer_than) as longer_than
      from matched m
      -- the steps of its time alone; nobody waits for longer than a month
      cross join lateral generate_series(
        p_from + p_step * ceil(greatest(0, extract(epoch from (m.l).running_since
          + coalesce((m.l).max_duration, m.longer_than) - p_from) / extract(epoch from p_step))),
        least(p_to, (m.l).running_since + interval '30 days'), p_step) as step (at)
      where (m.l).ended_at is null or (m.l).ended_at > step.at
    )
    select s.setting_id, (s.l).source_id, (s.l).project_id, (s.l).workflow_id, s.at,
      count(*)::double precision, count(*), count(*) >= min(s.threshold),
      count(*) < min(s.threshold),
      jsonb_build_object('facts', jsonb_build_array(
        jsonb_build_object('label', 'Allowed',
          'value', tocsin_internal.say_interval(min(s.longer_than))),
        jsonb_build_object('label', 'Oldest', 'value', format('run %s, for %s',
          (array_agg((s.l).run_id order by (s.l).running_since, (s.l).run_id))[1],
          tocsin_internal.say_interval(date_trunc('minute', s.at - min((s.l).running_since)))))))
    from stuck s
    group by s.setting_id, (s.l).source_id, (s.l).project_id, (s.l).workflow_id, s.at;
end
$$;

comment on function tocsin_internal.evaluate_run_stuck(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of run_stuck: how many runs of each workflow have been running for too long.';

revoke all on all functions in schema tocsin_internal from public;
-- a backtest runs as its caller, who sees the long runs of their own projects
grant execute on function tocsin_internal.evaluate_run_stuck(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) to authenticated, service_role;
