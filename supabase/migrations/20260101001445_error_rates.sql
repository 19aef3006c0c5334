-- Rates of errors: error_rate, errors a minute, by severity, type and source.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('error_rate', 'measure', 'Error rate',
   'More errors a minute than a limit, of runs and of everything else that reports errors.',
   'evaluate_error_rates', 'errors/min',
   '{{target}} has {{value}} (limit {{threshold}}) over {{window}}',
   '{{target}} is back to {{value}} (limit {{threshold}})', true, $json$[
    {"name": "threshold", "type": "number", "default": 10, "min": 0, "max": 1000000,
     "unit": "errors/min", "description": "Fires over so many errors a minute."},
    {"name": "resolve_threshold", "type": "number", "default": null, "min": 0, "max": 1000000,
     "unit": "errors/min",
     "description": "Resolves when it is no more than this; null: the threshold."},
    {"name": "window", "type": "interval", "default": "5 minutes", "min": "1 minute",
     "max": "30 days", "description": "Over which time the errors are counted."},
    {"name": "min_severity", "type": "choice", "default": "low",
     "choices": ["low", "medium", "high"], "description": "The least severity to count."},
    {"name": "error_types", "type": "choices", "default": [],
     "choices": ["system", "execution", "input", "timeout", "network", "auth", "rate_limit",
       "dependency", "unknown"],
     "description": "Only errors of these types; none: of every type."},
    {"name": "sources", "type": "choices", "default": [],
     "choices": ["worker", "webhook", "system"],
     "description": "Only errors from these sources; none: from any."},
    {"name": "per", "type": "choice", "default": "workflow",
     "choices": ["workflow", "project", "all"],
     "description": "Whether each workflow is judged by itself, each project, or all together."}
   ]$json$);

create function tocsin_internal.slide_errors(
  p_windows interval[], p_from timestamptz, p_to timestamptz, p_step interval, p_now timestamptz
) returns table (span interval, at timestamptz, project_id text, workflow_id text,
  source tocsin.error_source, error_type tocsin.error_type, severity tocsin.severity,
  event_count bigint)
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
declare
  v_longest constant interval := (select max(w) from unnest(p_windows) as w);
  v_minutes constant smallint := case when p_from - v_longest >= p_now - interval '47 hours'
    then 1 else 15 end;
  v_bucket constant interval := make_interval(mins => v_minutes);
begin
  if p_from = p_to then
    return query
      select w.span, p_from, b.project_id, b.workflow_id, b.source, b.error_type, b.severity,
        sum(b.event_count)::bigint
      from unnest(p_windows) as w (span)
      cross join lateral (
        select case when p_from - w.span >= p_now - interval '47 hours' then 1::smallint
          else 15::smallint end as minutes
      ) as kept
      join tocsin_internal.error_buckets b on b.minutes = kept.minutes
        and b.bucket >= p_from - w.span and b.bucket < p_from
      group by w.span, b.project_id, b.workflow_id, b.source, b.error_type, b.severity;
    return;
  end if;

  return query
    with bucket as materialized (
      select * from tocsin_internal.error_buckets b
      where b.minutes = v_minutes and b.bucket >= p_from - v_longest and b.bucket < p_to
    ),
    change as (
      select w.span, c.at, b.project_id, b.workflow_id, b.source, b.error_type, b.severity,
        c.sign * b.event_count, false
      from bucket b cross join unnest(p_windows) as w (span)
      cross join lateral (values (1, b.bucket + v_bucket), (-1, b.bucket + v_bucket + w.span))
        as c (sign, at)
      union all
      select w.span, s.at, k.project_id, k.workflow_id, k.source, k.error_type, k.severity, 0,
        true
      from (select distinct project_id, workflow_id, source, error_type, severity from bucket) as k
      cross join unnest(p_windows) as w (span)
      cross join generate_series(p_from, p_to, p_step) as s (at)
    ),
    summed as (
      select c.*, sum(c.n) over (partition by c.span, c.project_id, c.workflow_id, c.source,
        c.error_type, c.severity order by c.at) as event_count
      from change as c (span, at, project_id, workflow_id, source, error_type, severity, n,
        is_asked)
    )
    select s.span, s.at, s.project_id, s.workflow_id, s.source, s.error_type, s.severity,
      s.event_count::bigint
    from summed s where s.is_asked and s.event_count > 0;
end
$$;

comment on function tocsin_internal.slide_errors(interval[], timestamptz, timestamptz, interval,
  timestamptz) is
  'How many errors of each kind were in each window that ends at a step: by minute for 47 hours, '
  'by 15 minutes beyond.';

create function tocsin_internal.evaluate_error_rates(
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
        (s.parameters ->> 'window')::interval as span,
        case when s.workflow_id is null then s.parameters ->> 'per' else 'workflow' end as per,
        (s.parameters ->> 'threshold')::double precision as threshold,
        coalesce((s.parameters ->> 'resolve_threshold')::double precision,
          (s.parameters ->> 'threshold')::double precision) as resolve_threshold,
        (s.parameters ->> 'min_severity')::tocsin.severity as min_severity,
        array(select jsonb_array_elements_text(s.parameters -> 'error_types')) as error_types,
        array(select jsonb_array_elements_text(s.parameters -> 'sources')) as sources
      from unnest(p_settings) as s
    ),
    summed as materialized (
      select * from tocsin_internal.slide_errors(array(select distinct span from setting), p_from,
        p_to, p_step, p_now)
    ),
    judged as (
      select s.setting_id, c.at, case s.per when 'all' then '' else c.project_id end as project_id,
        case s.per when 'workflow' then c.workflow_id else '' end as workflow_id,
        sum(c.event_count) * 60 / extract(epoch from s.span)::double precision as value,
        sum(c.event_count)::bigint as sample, s.threshold, s.resolve_threshold
      from setting s join summed c on c.span = s.span
        and (s.project_id is null or c.project_id = s.project_id)
        and (s.workflow_id is null or c.workflow_id = s.workflow_id)
        and c.severity >= s.min_severity
        and (s.error_types = '{}' or c.error_type::text = any (s.error_types))
        and (s.sources = '{}' or c.source::text = any (s.sources))
      group by s.setting_id, s.span, s.threshold, s.resolve_threshold, 2, 3, 4
    )
    select j.setting_id, ''::text, j.project_id, j.workflow_id, j.at, j.value, j.sample,
      j.value > j.threshold, j.value <= j.resolve_threshold,
      case when j.value > j.threshold then jsonb_build_object('facts', jsonb_build_array(
        jsonb_build_object('label', 'Errors', 'value', j.sample::text))) end
    from judged j
    where j.value > j.threshold or p_known is null
      or (j.setting_id, '', j.project_id, j.workflow_id) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k);
end
$$;

comment on function tocsin_internal.evaluate_error_rates(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of error_rate: errors a minute.';

revoke all on all functions in schema tocsin_internal from public;
