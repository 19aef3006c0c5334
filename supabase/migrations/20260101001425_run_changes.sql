-- Changes of rates: rate_changed.
--
-- Two shares of small samples differ by chance. The change counts when Newcombe's interval for the
-- difference of two shares (made of two Wilson score intervals) leaves out zero at the confidence
-- asked for; it keeps its promise also with few runs and with shares near 0 and 1.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('rate_changed', 'measure', 'Failure rate changed',
   'The failure rate differs from that of the same time before by more than chance explains.',
   'evaluate_run_changes', 'points',
   'Failure rate of {{target}} changed by {{value}} within {{window}}',
   'Failure rate of {{target}} is as before', false, $json$[
    {"name": "direction", "type": "choice", "default": "worse",
     "choices": ["worse", "better", "either"], "description": "Which changes to hear of."},
    {"name": "threshold", "type": "number", "default": 5, "min": 0, "max": 100,
     "unit": "points", "description": "Smaller changes than so many percentage points are left."},
    {"name": "confidence", "type": "choice", "default": "99", "choices": ["95", "99", "99.9"],
     "unit": "%", "description": "How sure it must be that it is no chance."},
    {"name": "window", "type": "interval", "default": "1 hour", "min": "1 minute",
     "max": "30 days", "description": "Over which time the runs are counted."},
    {"name": "compare_with", "type": "interval", "default": null, "min": "1 minute",
     "max": "35 days",
     "description": "How long ago the time to compare with was; null: the window just before."},
    {"name": "min_sample", "type": "integer", "default": 10, "min": 1, "max": 1000000,
     "description": "With fewer runs in either window there is nothing to judge."},
    {"name": "per", "type": "choice", "default": "workflow",
     "choices": ["workflow", "project", "all"],
     "description": "Whether each workflow is judged by itself, each project, or all together."}
   ]$json$);

create function tocsin_internal.wilson_bound(
  p_hits double precision, p_sample double precision, p_z double precision
) returns double precision
language sql immutable parallel safe set search_path = ''
as $$
  select (2 * p_hits + p_z * p_z
      + p_z * sqrt(p_z * p_z + 4 * p_hits * (1 - p_hits / p_sample)))
    / (2 * (p_sample + p_z * p_z))
$$;

comment on function tocsin_internal.wilson_bound(double precision, double precision,
  double precision) is
  'A bound of Wilson''s score interval of a share: the upper one; with a negative p_z the lower.';

create function tocsin_internal.sure_change(
  p_hits double precision, p_sample double precision, p_hits_before double precision,
  p_sample_before double precision, p_z double precision
) returns double precision
language sql immutable parallel safe set search_path = ''
as $$
  -- Newcombe's hybrid score interval; the end of it that is nearer to zero, or zero if it is within
  select case
    when d - sqrt((p - l) ^ 2 + (u0 - p0) ^ 2) > 0 then d - sqrt((p - l) ^ 2 + (u0 - p0) ^ 2)
    when d + sqrt((u - p) ^ 2 + (p0 - l0) ^ 2) < 0 then d + sqrt((u - p) ^ 2 + (p0 - l0) ^ 2)
    else 0 end
  from (
    select p_hits / p_sample as p, p_hits_before / p_sample_before as p0,
      p_hits / p_sample - p_hits_before / p_sample_before as d,
      tocsin_internal.wilson_bound(p_hits, p_sample, -p_z) as l,
      tocsin_internal.wilson_bound(p_hits, p_sample, p_z) as u,
      tocsin_internal.wilson_bound(p_hits_before, p_sample_before, -p_z) as l0,
      tocsin_internal.wilson_bound(p_hits_before, p_sample_before, p_z) as u0
  ) as bounds
$$;

comment on function tocsin_internal.sure_change(double precision, double precision,
  double precision, double precision, double precision) is
  'By how much a share has changed for sure: the least change within its confidence interval; 0 '
  'when that may be chance. p_z: 1.96 for 95 %, 2.576 for 99 %.';

create function tocsin_internal.evaluate_run_changes(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    with setting as materialized (
      select s as whole, s.setting_id,
        (s.parameters ->> 'threshold')::double precision as threshold,
        s.parameters ->> 'direction' as direction,
        case s.parameters ->> 'confidence' when '95' then 1.959964 when '99' then 2.575829
          else 3.290527 end as z,
        (s.parameters ->> 'min_sample')::bigint as min_sample,
        coalesce(s.parameters ->> 'compare_with', s.parameters ->> 'window')::interval as lag
      from unnest(p_settings) as s
    ),
    lag as (select lag, array_agg(whole) as settings from setting group by lag),
    judged as (
      select s.setting_id, n.source_id, n.project_id, n.workflow_id, n.at,
        100 * (n.failure_count::double precision / (n.failure_count + n.success_count)
          - b.failure_count::double precision / (b.failure_count + b.success_count)) as value,
        n.failure_count + n.success_count as sample, s.threshold, s.direction,
        tocsin_internal.sure_change(n.failure_count, n.failure_count + n.success_count,
          b.failure_count, b.failure_count + b.success_count, s.z) as sure,
        n.failure_count, n.success_count, b.failure_count as failure_count_before,
        b.success_count as success_count_before
      from lag l
      cross join lateral tocsin_internal.sum_runs_of(l.settings, p_from, p_to, p_step, p_now) as n
      join setting s on s.setting_id = n.setting_id
      join (
        select o.lag, b.* from lag o
        cross join lateral tocsin_internal.sum_runs_of(o.settings, p_from - o.lag, p_to - o.lag,
          p_step, p_now) as b
      ) as b on b.lag = l.lag and b.setting_id = n.setting_id and b.at = n.at - l.lag
        and b.source_id = n.source_id
        and b.project_id = n.project_id and b.workflow_id = n.workflow_id
      where n.failure_count + n.success_count >= s.min_sample
        and b.failure_count + b.success_count >= s.min_sample
    ),
    decided as (
      select j.*, abs(j.value) >= j.threshold and case j.direction when 'worse' then j.sure > 0
        when 'better' then j.sure < 0 else j.sure <> 0 end as is_breached
      from judged j
    )
    select d.setting_id, d.source_id, d.project_id, d.workflow_id, d.at, d.value, d.sample,
      d.is_breached, not d.is_breached,
      case when d.is_breached then jsonb_build_object('facts', jsonb_build_array(
        jsonb_build_object('label', 'Now', 'value', format('%s of %s runs failed', d.failure_count,
          d.failure_count + d.success_count)),
        jsonb_build_object('label', 'Before', 'value', format('%s of %s runs failed',
          d.failure_count_before, d.failure_count_before + d.success_count_before)))) end
    from decided d
    where d.is_breached or p_known is null
      or (d.setting_id, d.source_id, d.project_id, d.workflow_id) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k);
end
$$;

comment on function tocsin_internal.evaluate_run_changes(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of rate_changed: the change of the failure rate, in percentage points.';

revoke all on all functions in schema tocsin_internal from public;
