-- Matching: which settings want to hear of which failure events.
--
-- Settings of the event kinds name what they want by parameters: types, severity, sources, steps,
-- the workflow's criticality. What a setting leaves out it does not mind. A failure of a workflow
-- that is marked critical counts as severe, one of a workflow that matters little as low.
--
-- A setting may be for a workflow, a project or everything. One that replaces what is more general
-- hides the settings of the same kind that are less specific, whatever it wants itself.
--
-- match_sorts() decides it, live and in a backtest. What differs in nothing that a setting looks at
-- is of one sort, and matched once.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.texts_of(p_json jsonb) returns text[]
language sql immutable set search_path = ''
as $$
  select array_agg(t) from jsonb_array_elements_text(
    case when jsonb_typeof(p_json) = 'array' then p_json else '[]' end) as t
$$;

comment on function tocsin_internal.texts_of(jsonb) is
  'The texts of a JSON array; null when there are none: a parameter that does not mind.';

create type tocsin_internal.event_setting as (
  setting_id uuid,
  kind text,
  project_id text,
  workflow_id text,
  level int,
  replaces_general boolean,
  min_severity tocsin.severity,
  error_types text[],
  sources text[],
  nodes text[],
  criticality text[]
);
comment on type tocsin_internal.event_setting is
  'A setting of an event kind with its parameters taken apart. level: 0 everything, 1 a project, 2 '
  'a workflow.';

create type tocsin_internal.error_sort as (
  sort bigint,
  project_id text,
  workflow_id text,
  origin tocsin.error_origin,
  error_type tocsin.error_type,
  source tocsin.error_source,
  node text,
  weight tocsin.severity,
  criticality text,
  is_new boolean,
  is_regression boolean
);
comment on type tocsin_internal.error_sort is
  'What settings look at in a failure event, under a number. weight: its severity, as the '
  'criticality of its workflow makes it.';

create function tocsin_internal.event_setting_of(p_setting tocsin.alert_settings)
returns tocsin_internal.event_setting
language sql stable set search_path = ''
as $$
  select row(p_setting.setting_id, p_setting.kind, p_setting.project_id, p_setting.workflow_id,
    (p_setting.project_id is not null)::int + (p_setting.workflow_id is not null)::int,
    p_setting.replaces_general,
    coalesce((p_setting.parameters ->> 'min_severity')::tocsin.severity, 'low'),
    tocsin_internal.texts_of(p_setting.parameters -> 'error_types'),
    tocsin_internal.texts_of(p_setting.parameters -> 'sources'),
    (select array_agg(tocsin_internal.like_pattern(n))
      from unnest(tocsin_internal.texts_of(p_setting.parameters -> 'nodes')) as n),
    tocsin_internal.texts_of(p_setting.parameters -> 'criticality'))
    ::tocsin_internal.event_setting
$$;

comment on function tocsin_internal.event_setting_of(tocsin.alert_settings) is
  'A setting of an event kind, taken apart.';

create function tocsin_internal.event_settings(p_projects text[])
returns setof tocsin_internal.event_setting
language plpgsql stable set search_path = ''
as $$
begin
  return query
  select e.*
  from tocsin.alert_settings s
  cross join lateral tocsin_internal.event_setting_of(s) as e
  where s.is_enabled and (s.project_id is null or s.project_id = any (p_projects))
    and s.kind in ('run_failed', 'error_occurred', 'error_new', 'error_regressed');
end
$$;

comment on function tocsin_internal.event_settings(text[]) is
  'The settings of event kinds that are on, of these projects and of everything.';

create function tocsin_internal.weigh(p_criticality text, p_severity tocsin.severity)
returns tocsin.severity
language sql immutable parallel safe set search_path = ''
as $$
  select case p_criticality when 'critical' then 'high' when 'low' then 'low'
    else p_severity end::tocsin.severity
$$;

comment on function tocsin_internal.weigh(text, tocsin.severity) is
  'The severity of a failure, as the criticality of its workflow makes it.';

create function tocsin_internal.match_sorts(
  p_sorts tocsin_internal.error_sort[], p_settings tocsin_internal.event_setting[]
) returns table (sort bigint, setting_id uuid)
-- the planner knows no sizes of arrays, and would join them row by row
language plpgsql stable set search_path = '' set enable_nestloop = off
as $$
#variable_conflict use_column
begin
  return query
  with pair as (
    select k, s from unnest(p_sorts) as k join unnest(p_settings) as s
      on s.project_id = k.project_id
    where s.workflow_id is null or s.workflow_id = k.workflow_id
    union all
    select k, s from unnest(p_sorts) as k, unnest(p_settings) as s where s.project_id is null
  ),
  candidate as (
    select (p.k).sort, (p.s).setting_id, (p.s).level,
      case (p.s).kind when 'run_failed' then (p.k).origin in ('run', 'stuck')
        when 'error_new' then (p.k).is_new when 'error_regressed' then (p.k).is_regression
        else true end
      and (p.k).weight >= (p.s).min_severity
      and ((p.s).error_types is null or (p.k).error_type::text = any ((p.s).error_types))
      and ((p.s).sources is null or (p.k).source::text = any ((p.s).sources))
      and ((p.s).nodes is null or (p.k).node like any ((p.s).nodes))
      and ((p.s).criticality is null or (p.k).criticality = any ((p.s).criticality)) as is_wanted,
      max((p.s).level) filter (where (p.s).replaces_general)
        over (partition by (p.k).sort, (p.s).kind) as top
    from pair p
  )
  select c.sort, c.setting_id from candidate c
  where c.is_wanted and c.level >= coalesce(c.top, 0);
end
$$;

comment on function tocsin_internal.match_sorts(tocsin_internal.error_sort[],
  tocsin_internal.event_setting[]) is 'Which settings want which sorts of failures.';

create function tocsin_internal.match_errors(p_error_ids uuid[], p_ingested_at timestamptz)
returns table (occurrence tocsin_internal.occurrence, reason text)
-- the planner takes a batch of a thousand for one row, and would join it a million times
language plpgsql stable set search_path = '' set jit = off set enable_nestloop = off
as $$
begin
  return query
  with event as materialized (
    select e.*, tocsin_internal.weigh(w.criticality::text, e.severity) as weight,
      coalesce(w.criticality::text, 'normal') as criticality,
      dense_rank() over (order by e.project_id, e.workflow_id, e.origin, e.error_type, e.source,
        e.node, e.severity, e.is_new, e.is_regression, e.is_ignored) as sort
    from tocsin.error_metrics e
    left join tocsin.workflow_settings w
      on w.project_id = e.project_id and w.workflow_id = e.workflow_id
    -- the time of storing says which partition
    where e.error_id = any (p_error_ids) and e.ingested_at = p_ingested_at
      -- an id that was decided long ago, and came again, is not decided twice
      and (e.origin = 'run' or not exists (
        select from tocsin.alert_logs l
        where l.event_id = e.error_id and l.project_id = e.project_id and l.what = 'failure'))
  ),
  sorts as (
    select array_agg(row(s.sort, s.project_id, s.workflow_id, s.origin, s.error_type, s.source,
      s.node, s.weight, s.criticality, s.is_new, s.is_regression)::tocsin_internal.error_sort)
      as sorts
    from (select distinct on (e.sort) e.* from event e where not e.is_ignored order by e.sort) as s
  ),
  matched as materialized (
    select m.* from sorts cross join lateral tocsin_internal.match_sorts(sorts.sorts, array(
      select s from tocsin_internal.event_settings(array(
        select distinct project_id from event)) as s)) as m
  )
  select row(e.error_id, 'failure', m.setting_id, null, e.source_id, e.project_id, e.workflow_id,
      e.run_id, e.weight, e.timestamp, null, null)::tocsin_internal.occurrence,
    case when m.setting_id is null then case
      when e.is_ignored then 'Its error group is being ignored.'
      when e.origin in ('run', 'stuck')
        then 'No setting that is on wants failed runs of this workflow.'
      else 'No setting that is on wants this error.' end end
  from event e left join matched m on m.sort = e.sort;
end
$$;

comment on function tocsin_internal.match_errors(uuid[], timestamptz) is
  'Each event that was stored at p_ingested_at, and was not decided yet, with each setting that '
  'wants it; with no setting and the reason when none does.';

revoke all on all functions in schema tocsin_internal from public;
