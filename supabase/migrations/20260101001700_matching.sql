-- Matching: which settings want to hear of which failure events.
--
-- Settings of the event kinds name what they want by parameters: types, severity, sources, steps,
-- the workflow's criticality. What a setting leaves out it does not mind. A failure of a workflow
-- that is marked critical counts as severe, one of a workflow that matters little as low.
--
-- A setting may be for a workflow, a project or everything. One that replaces what is more general
-- hides the settings of the same kind that are less specific, whatever it wants itself.
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

create function tocsin_internal.event_settings(p_projects text[])
returns table (setting_id uuid, kind text, project_id text, workflow_id text, level int,
  replaces_general boolean, min_severity tocsin.severity, error_types text[], sources text[],
  nodes text[], criticality text[])
language plpgsql stable set search_path = ''
as $$
begin
  return query
  select s.setting_id, s.kind, s.project_id, s.workflow_id,
    (s.project_id is not null)::int + (s.workflow_id is not null)::int, s.replaces_general,
    coalesce((s.parameters ->> 'min_severity')::tocsin.severity, 'low'),
    tocsin_internal.texts_of(s.parameters -> 'error_types'),
    tocsin_internal.texts_of(s.parameters -> 'sources'),
    (select array_agg(tocsin_internal.like_pattern(n))
      from unnest(tocsin_internal.texts_of(s.parameters -> 'nodes')) as n),
    tocsin_internal.texts_of(s.parameters -> 'criticality')
  from tocsin.alert_settings s
  where s.is_enabled and (s.project_id is null or s.project_id = any (p_projects))
    and s.kind in ('run_failed', 'error_occurred', 'error_new', 'error_regressed');
end
$$;

comment on function tocsin_internal.event_settings(text[]) is
  'The settings of event kinds that are on, of these projects and of everything, with their '
  'parameters taken apart. level: 0 everything, 1 a project, 2 a workflow.';

create function tocsin_internal.match_errors(p_error_ids uuid[], p_ingested_at timestamptz)
returns table (occurrence tocsin_internal.occurrence, reason text)
-- the planner takes a batch of a thousand for one row, and would join it a million times
language plpgsql stable set search_path = '' set jit = off set enable_nestloop = off
as $$
begin
  return query
  with event as materialized (
    select e.*, case w.criticality::text when 'critical' then 'high' when 'low' then 'low'
        else e.severity end::tocsin.severity as weight,
      coalesce(w.criticality::text, 'normal') as criticality,
      -- what differs in nothing that a setting looks at is matched once
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
  sort as materialized (
    select distinct on (sort) * from event where not is_ignored order by sort
  ),
  wanted as materialized (
    select * from tocsin_internal.event_settings(
      array(select distinct project_id from event))
  ),
  candidate as (
    select k.sort, s.*, case s.kind when 'run_failed' then k.origin in ('run', 'stuck')
        when 'error_new' then k.is_new when 'error_regressed' then k.is_regression else true end
      and k.weight >= s.min_severity
      and (s.error_types is null or k.error_type::text = any (s.error_types))
      and (s.sources is null or k.source::text = any (s.sources))
      and (s.nodes is null or k.node like any (s.nodes))
      and (s.criticality is null or k.criticality = any (s.criticality)) as is_wanted
    from sort k
    join wanted s on s.project_id = k.project_id
      and (s.workflow_id is null or s.workflow_id = k.workflow_id)
    union all
    select k.sort, s.*, case s.kind when 'run_failed' then k.origin in ('run', 'stuck')
        when 'error_new' then k.is_new when 'error_regressed' then k.is_regression else true end
      and k.weight >= s.min_severity
      and (s.error_types is null or k.error_type::text = any (s.error_types))
      and (s.sources is null or k.source::text = any (s.sources))
      and (s.nodes is null or k.node like any (s.nodes))
      and (s.criticality is null or k.criticality = any (s.criticality))
    from sort k join wanted s on s.project_id is null
  ),
  matched as materialized (
    select c.sort, c.setting_id from (
      select c.*, max(c.level) filter (where c.replaces_general) over (partition by c.sort, c.kind)
        as top
      from candidate c
    ) as c
    where c.is_wanted and c.level >= coalesce(c.top, 0)
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
