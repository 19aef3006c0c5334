-- Runs that do not come: run_missing, a dead man's switch for each workflow.
--
-- A workflow that has run before is missed when it has not for a time. One that a setting names is
-- missed also when it never ran, from that time after the setting was made.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('run_missing', 'measure', 'Run missing',
   'A workflow has not succeeded, or not ended at all, for a time: a dead man''s switch.',
   'evaluate_run_missing', 'runs', 'No {{outcome}} run of {{target}} within {{within}}',
   '{{target}} runs again', true, $json$[
    {"name": "within", "type": "interval", "default": "1 hour", "min": "1 minute",
     "max": "35 days", "description": "How long it may be without one."},
    {"name": "outcome", "type": "choice", "default": "successful",
     "choices": ["successful", "finished"],
     "description": "Whether only runs that succeeded count, or runs however they ended."},
    {"name": "forget_after", "type": "interval", "default": "30 days", "min": "1 hour",
     "max": "150 days",
     "description": "A workflow that nobody named and that has not run for so long is over."}
   ]$json$);

create function tocsin_internal.evaluate_run_missing(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    with setting as materialized (
      select s.setting_id, s.project_id, s.workflow_id, s.created_at,
        (s.parameters ->> 'within')::interval as span,
        s.parameters ->> 'outcome' = 'successful' as is_success,
        (s.parameters ->> 'forget_after')::interval as forget_after
      from unnest(p_settings) as s
    ),
    known as materialized (
      select * from tocsin_internal.known_workflows(
        coalesce(tocsin_internal.targets_of(p_settings), '{"(,)"}'::tocsin_internal.target[]))
    ),
    target as materialized (
      -- in branches that each join by equal keys
      select s.*, k.source_id, k.project_id as of_project, k.workflow_id as of_workflow
      from setting s cross join known k where s.project_id is null
      union all
      select s.*, k.source_id, k.project_id, k.workflow_id
      from setting s join known k on k.project_id = s.project_id where s.workflow_id is null
      union all
      select s.*, k.source_id, k.project_id, k.workflow_id
      from setting s
      left join known k on k.project_id = s.project_id and k.workflow_id = s.workflow_id
      where s.workflow_id is not null
    ),
    ran as materialized (
      select * from tocsin_internal.slide_windows(
        array(select distinct span from setting), p_from, p_to, p_step,
        tocsin_internal.targets_of(p_settings), p_now)
    ),
    missing as (
      select t.*, step.at
      from target t
      cross join generate_series(p_from, p_to, p_step) as step (at)
      left join ran r on r.span = t.span and r.at = step.at and r.source_id = t.source_id
        and r.project_id = t.of_project and r.workflow_id = t.of_workflow
        and case when t.is_success then r.success_count > 0
          else r.success_count + r.failure_count + r.canceled_count > 0 end
      where r.source_id is null
    ),
    seen as (
      select m.*, last.bucket_at as last_at
      from missing m
      left join lateral (
        select b.bucket_at from tocsin_internal.run_buckets b
        where b.bucket_minutes = 15 and b.project_id = m.of_project
          and b.workflow_id = m.of_workflow and b.source_id = m.source_id
          and b.bucket_at < m.at - m.span and b.bucket_at >= m.at - greatest(m.span, m.forget_after)
          and case when m.is_success then b.success_count > 0
            else b.success_count + b.failed_count + b.timed_out_count + b.canceled_count > 0 end
        order by b.bucket_at desc limit 1
      ) as last on true
    )
    select s.setting_id, coalesce(s.source_id, ''), coalesce(s.of_project, s.project_id),
      coalesce(s.of_workflow, s.workflow_id), s.at,
      0::double precision, 0::bigint, true, false,
      jsonb_build_object('facts', jsonb_build_array(jsonb_build_object('label', 'Last one',
        'value', coalesce('about ' || to_char(s.last_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
          || ' UTC', 'never seen'))))
    from seen s
    where s.last_at is not null
      -- named by the setting, and has had its time
      or s.workflow_id is not null and s.created_at <= s.at - s.span;
end
$$;

comment on function tocsin_internal.evaluate_run_missing(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of run_missing: a row for each instant at which a workflow is missed.';

revoke all on all functions in schema tocsin_internal from public;
