-- Evaluation: what every evaluator has in common.
--
-- An evaluator judges all settings of its kinds at each step from p_from to p_to, and says a row
-- for each setting, target and instant at which there is something to judge. Live judges one
-- instant (p_from = p_to); a backtest judges many with the same function over the same rows.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.evaluation as (
  setting_id uuid,
  source_id text,
  project_id text,
  workflow_id text,
  at timestamptz,
  value double precision,
  sample bigint,
  is_breached boolean,
  is_clear boolean,
  context jsonb
);
comment on type tocsin_internal.evaluation is
  'What a setting found about a target at an instant: value, how much it is made of, whether it is '
  'over its limit (breached) or back under the one it resolves at (clear; between both: neither).';

create function tocsin_internal.targets_of(p_settings tocsin.alert_settings[])
returns tocsin_internal.target[]
language sql stable set search_path = ''
as $$
  -- null, which reads by time: cheaper than workflow by workflow when there are many
  select case when bool_or(project_id is null) or count(distinct (project_id, workflow_id)) > 100
    then null else array_agg(distinct row(project_id, workflow_id)::tocsin_internal.target) end
  from unnest(p_settings)
$$;

comment on function tocsin_internal.targets_of(tocsin.alert_settings[]) is
  'What settings are about, for sum_windows(); null: everything.';

create function tocsin_internal.sum_runs_of(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz
) returns table (setting_id uuid, at timestamptz, source_id text, project_id text,
  workflow_id text, success_count bigint, failure_count bigint, canceled_count bigint)
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    with setting as materialized (
      select s.setting_id, s.project_id, s.workflow_id,
        (s.parameters ->> 'window')::interval as span,
        case when s.workflow_id is null then coalesce(s.parameters ->> 'per', 'workflow')
          else 'workflow' end as per
      from unnest(p_settings) as s
    ),
    summed as materialized (
      select * from tocsin_internal.slide_windows(
        array(select distinct span from setting), p_from, p_to, p_step,
        tocsin_internal.targets_of(p_settings), p_now)
    ),
    matched as (
      -- in branches that each join by equal keys
      select s.setting_id, s.per, c.at, c.source_id, c.project_id, c.workflow_id, c.success_count,
        c.failure_count, c.canceled_count
      from setting s join summed c on c.span = s.span
      where s.project_id is null
      union all
      select s.setting_id, s.per, c.at, c.source_id, c.project_id, c.workflow_id, c.success_count,
        c.failure_count, c.canceled_count
      from setting s join summed c on c.span = s.span and c.project_id = s.project_id
      where s.workflow_id is null
      union all
      select s.setting_id, s.per, c.at, c.source_id, c.project_id, c.workflow_id, c.success_count,
        c.failure_count, c.canceled_count
      from setting s join summed c on c.span = s.span and c.project_id = s.project_id
        and c.workflow_id = s.workflow_id
    )
    select m.setting_id, m.at, m.source_id, m.project_id, m.workflow_id, m.success_count,
      m.failure_count, m.canceled_count
    from matched m where m.per = 'workflow'
    union all
    select m.setting_id, m.at, ''::text, case m.per when 'project' then m.project_id else '' end,
      ''::text,
      sum(m.success_count)::bigint, sum(m.failure_count)::bigint, sum(m.canceled_count)::bigint
    from matched m where m.per <> 'workflow'
    group by m.setting_id, m.at, case m.per when 'project' then m.project_id else '' end;
end
$$;

comment on function tocsin_internal.sum_runs_of(tocsin.alert_settings[], timestamptz, timestamptz,
  interval, timestamptz) is
  'How runs ended in the window of each setting, for each of its targets and steps: a workflow, or '
  'all those of a project or of everything, as the parameter per says. No row where none ended.';

revoke all on all functions in schema tocsin_internal from public;
