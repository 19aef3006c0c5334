-- Rates and counts of runs: failure_rate, success_rate, failure_count.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('failure_rate', 'measure', 'Failure rate',
   'The share of failed and timed-out runs among those that succeeded or failed is over a limit.',
   'evaluate_run_rates', '%',
   'Failure rate of {{target}} is {{value}} (limit {{threshold}} %) over {{window}}',
   'Failure rate of {{target}} is back to {{value}} (limit {{threshold}} %)', false,
   $json$[
    {"name": "threshold", "type": "number", "default": 5, "min": 0, "max": 100, "unit": "%",
     "description": "Fires when the failure rate is over this."},
    {"name": "resolve_threshold", "type": "number", "default": null, "min": 0, "max": 100,
     "unit": "%", "description": "Resolves when it is no more than this; null: the threshold."},
    {"name": "window", "type": "interval", "default": "15 minutes", "min": "1 minute",
     "max": "30 days", "description": "Over which time the runs are counted."},
    {"name": "min_sample", "type": "integer", "default": 20, "min": 1, "max": 1000000,
     "description": "With fewer runs than these there is nothing to judge."},
    {"name": "per", "type": "choice", "default": "workflow",
     "choices": ["workflow", "project", "all"],
     "description": "Whether each workflow is judged by itself, each project, or all together."}
   ]$json$),
  ('success_rate', 'measure', 'Success rate',
   'The share of runs that succeeded among those that succeeded or failed is under a limit.',
   'evaluate_run_rates', '%',
   'Success rate of {{target}} is {{value}} (limit {{threshold}} %) over {{window}}',
   'Success rate of {{target}} is back to {{value}} (limit {{threshold}} %)', false,
   $json$[
    {"name": "threshold", "type": "number", "default": 95, "min": 0, "max": 100, "unit": "%",
     "description": "Fires when the success rate is under this."},
    {"name": "resolve_threshold", "type": "number", "default": null, "min": 0, "max": 100,
     "unit": "%", "description": "Resolves when it is at least this; null: the threshold."},
    {"name": "window", "type": "interval", "default": "15 minutes", "min": "1 minute",
     "max": "30 days", "description": "Over which time the runs are counted."},
    {"name": "min_sample", "type": "integer", "default": 20, "min": 1, "max": 1000000,
     "description": "With fewer runs than these there is nothing to judge."},
    {"name": "per", "type": "choice", "default": "workflow",
     "choices": ["workflow", "project", "all"],
     "description": "Whether each workflow is judged by itself, each project, or all together."}
   ]$json$),
  ('failure_count', 'measure', 'Failures',
   'So many runs failed or timed out within a time.', 'evaluate_run_rates', 'failures',
   '{{value}} of {{target}} within {{window}} (limit {{threshold}})',
   'No more than {{threshold}} failures of {{target}} within {{window}} any more', true, $json$[
    {"name": "threshold", "type": "integer", "default": 10, "min": 1, "max": 1000000000,
     "description": "Fires when at least so many runs failed."},
    {"name": "resolve_threshold", "type": "integer", "default": null, "min": 0,
     "max": 1000000000,
     "description": "Resolves when no more than these failed; null: fewer than the threshold."},
    {"name": "window", "type": "interval", "default": "15 minutes", "min": "1 minute",
     "max": "30 days", "description": "Over which time the failures are counted."},
    {"name": "per", "type": "choice", "default": "workflow",
     "choices": ["workflow", "project", "all"],
     "description": "Whether each workflow is judged by itself, each project, or all together."}
   ]$json$);

create function tocsin_internal.evaluate_run_rates(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    with setting as materialized (
      select s.setting_id, s.kind, (s.parameters ->> 'threshold')::double precision as threshold,
        (s.parameters ->> 'resolve_threshold')::double precision as resolve_threshold,
        coalesce((s.parameters ->> 'min_sample')::bigint, 0) as min_sample
      from unnest(p_settings) as s
    ),
    judged as (
      select s.setting_id, r.source_id, r.project_id, r.workflow_id, r.at, m.value,
        r.success_count + r.failure_count as sample,
        case s.kind when 'success_rate' then m.value < s.threshold
          when 'failure_count' then m.value >= s.threshold else m.value > s.threshold
        end as is_breached,
        case s.kind when 'success_rate' then m.value >= coalesce(s.resolve_threshold, s.threshold)
          when 'failure_count' then m.value <= coalesce(s.resolve_threshold, s.threshold - 1)
          else m.value <= coalesce(s.resolve_threshold, s.threshold)
        end as is_clear,
        r.success_count, r.failure_count
      from tocsin_internal.sum_runs_of(p_settings, p_from, p_to, p_step, p_now) as r
      join setting s on s.setting_id = r.setting_id
      cross join lateral (
        select case s.kind when 'failure_count' then r.failure_count::double precision
          when 'success_rate' then r.success_count * 100::double precision
            / (r.success_count + r.failure_count)
          else r.failure_count * 100::double precision / (r.success_count + r.failure_count)
          end as value
        offset 0
      ) as m
      where r.success_count + r.failure_count >= greatest(s.min_sample, 1)
    )
    select j.setting_id, j.source_id, j.project_id, j.workflow_id, j.at, j.value, j.sample,
      j.is_breached, j.is_clear,
      case when j.is_breached then jsonb_build_object('facts', jsonb_build_array(
        jsonb_build_object('label', 'Failed', 'value', j.failure_count::text),
        jsonb_build_object('label', 'Succeeded', 'value', j.success_count::text))) end
    from judged j
    where j.is_breached or p_known is null
      or (j.setting_id, j.source_id, j.project_id, j.workflow_id) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k);
end
$$;

comment on function tocsin_internal.evaluate_run_rates(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of failure_rate, success_rate and failure_count. With p_known, what is no breach is '
  'said of these setting and target pairs only.';

revoke all on all functions in schema tocsin_internal from public;
