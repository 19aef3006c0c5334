-- Slow runs: run_slow, a percentile of the durations over a limit.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('run_slow', 'measure', 'Runs are slow',
   'A percentile of how long runs took is over a limit.', 'evaluate_run_slow', 'ms',
   'Runs of {{target}} take {{value}} at the {{percentile}}th percentile (limit {{threshold}} ms)',
   'Runs of {{target}} are back to {{value}} (limit {{threshold}} ms)', false, $json$[
    {"name": "threshold", "type": "number", "default": 60000, "min": 1, "max": 31536000000,
     "unit": "ms", "description": "Fires when the percentile is over so many milliseconds."},
    {"name": "resolve_threshold", "type": "number", "default": null, "min": 1,
     "max": 31536000000, "unit": "ms",
     "description": "Resolves when it is no more than this; null: the threshold."},
    {"name": "percentile", "type": "number", "default": 95, "min": 1, "max": 99.9,
     "description": "Which percentile: 95 means that 95 of 100 runs were no slower."},
    {"name": "window", "type": "interval", "default": "15 minutes", "min": "1 minute",
     "max": "7 days", "description": "Over which time the runs are counted."},
    {"name": "min_sample", "type": "integer", "default": 20, "min": 1, "max": 1000000,
     "description": "With fewer runs than these there is nothing to judge."},
    {"name": "per", "type": "choice", "default": "workflow",
     "choices": ["workflow", "project", "all"],
     "description": "Whether each workflow is judged by itself, each project, or all together."}
   ]$json$);

create function tocsin_internal.slide_bins(
  p_windows interval[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_targets tocsin_internal.target[], p_now timestamptz
) returns table (span interval, at timestamptz, source_id text, project_id text, workflow_id text,
  bin smallint, run_count bigint)
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
declare
  v_longest constant interval := (select max(w) from unnest(p_windows) as w);
  v_minutes constant int := tocsin_internal.finest_kept(p_from - v_longest, p_now);
  v_bucket constant interval := make_interval(mins => v_minutes);
begin
  if p_from = p_to then
    return query
      select w.span, p_from, b.source_id, b.project_id, b.workflow_id, h.bin, sum(h.n)::bigint
      from unnest(p_windows) as w (span)
      cross join lateral tocsin_internal.split_range(p_from - w.span, p_from, p_now) as p
      cross join lateral (
        select * from tocsin_internal.run_buckets r
        where r.bucket_minutes = p.bucket_minutes
          and r.bucket_at >= p.begins and r.bucket_at < p.ends
          and (p_targets is null or exists (
            select from unnest(p_targets) as t
            where (t.project_id is null or t.project_id = r.project_id)
              and (t.workflow_id is null or t.workflow_id = r.workflow_id)))
        offset 0
      ) as b
      cross join lateral unnest(b.duration_bins, b.duration_bin_counts) as h (bin, n)
      group by w.span, b.source_id, b.project_id, b.workflow_id, h.bin
      having sum(h.n) > 0;
    return;
  end if;

  -- as slide_windows() does it, bin by bin
  return query
    with bucket as materialized (
      select k.source_id, k.project_id, k.workflow_id, h.bin, b.bucket_at + v_bucket as ends, h.n
      from tocsin_internal.known_workflows(
        coalesce(p_targets, '{"(,)"}'::tocsin_internal.target[])) as k
      cross join lateral (
        select * from tocsin_internal.run_buckets r
        where r.bucket_minutes = v_minutes and r.project_id = k.project_id
          and r.workflow_id = k.workflow_id and r.source_id = k.source_id
          and r.bucket_at >= p_from - v_longest and r.bucket_at < p_to
        offset 0
      ) as b
      cross join lateral unnest(b.duration_bins, b.duration_bin_counts) as h (bin, n)
    ),
    change as (
      select w.span, c.at, b.source_id, b.project_id, b.workflow_id, b.bin, c.sign * b.n, false
      from bucket b cross join unnest(p_windows) as w (span)
      cross join lateral (values (1, b.ends), (-1, b.ends + w.span)) as c (sign, at)
      union all
      select w.span, s.at, k.source_id, k.project_id, k.workflow_id, k.bin, 0, true
      from (select distinct source_id, project_id, workflow_id, bin from bucket) as k
      cross join unnest(p_windows) as w (span)
      cross join generate_series(p_from, p_to, p_step) as s (at)
    ),
    summed as (
      select c.*, sum(c.n) over (partition by c.span, c.source_id, c.project_id, c.workflow_id,
        c.bin order by c.at) as run_count
      from change as c (span, at, source_id, project_id, workflow_id, bin, n, is_asked)
    )
    select s.span, s.at, s.source_id, s.project_id, s.workflow_id, s.bin, s.run_count::bigint
    from summed s where s.is_asked and s.run_count > 0;
end
$$;

comment on function tocsin_internal.slide_bins(interval[], timestamptz, timestamptz, interval,
  tocsin_internal.target[], timestamptz) is
  'The histograms of durations in each window that ends at a step, bin by bin.';

create function tocsin_internal.evaluate_run_slow(
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
        (s.parameters ->> 'percentile')::double precision / 100 as share,
        (s.parameters ->> 'min_sample')::bigint as min_sample
      from unnest(p_settings) as s
    ),
    binned as materialized (
      select * from tocsin_internal.slide_bins(
        array(select distinct span from setting), p_from, p_to, p_step,
        tocsin_internal.targets_of(p_settings), p_now)
    ),
    matched as (
      select (p.s).setting_id, (p.b).at,
        case (p.s).per when 'workflow' then (p.b).source_id else '' end as source_id,
        case (p.s).per when 'all' then '' else (p.b).project_id end as project_id,
        case (p.s).per when 'workflow' then (p.b).workflow_id else '' end as workflow_id,
        (p.b).bin, sum((p.b).run_count) as run_count
      from (
        -- in branches that each join by equal keys
        select s as s, b as b from setting s join binned b on b.span = s.span
        where s.project_id is null
        union all
        select s, b from setting s
        join binned b on b.span = s.span and b.project_id = s.project_id
        where s.workflow_id is null
        union all
        select s, b from setting s
        join binned b on b.span = s.span and b.project_id = s.project_id
          and b.workflow_id = s.workflow_id
      ) as p
      group by 1, 2, 3, 4, 5, 6
    ),
    cumulated as (
      select m.*, sum(m.run_count) over (partition by m.setting_id, m.at, m.source_id, m.project_id,
          m.workflow_id order by m.bin) as upto,
        sum(m.run_count) over (partition by m.setting_id, m.at, m.source_id, m.project_id,
          m.workflow_id) as total
      from matched m
    ),
    judged as (
      select c.setting_id, c.source_id, c.project_id, c.workflow_id, c.at,
        tocsin_internal.bin_value(min(c.bin)) as value, max(c.total) as sample,
        s.threshold, s.resolve_threshold
      from cumulated c join setting s on s.setting_id = c.setting_id
      where c.upto >= s.share * c.total and c.total >= s.min_sample
      group by c.setting_id, c.source_id, c.project_id, c.workflow_id, c.at, s.threshold,
        s.resolve_threshold
    )
    select j.setting_id, j.source_id, j.project_id, j.workflow_id, j.at, j.value, j.sample::bigint,
      j.value > j.threshold, j.value <= j.resolve_threshold, null::jsonb
    from judged j
    where j.value > j.threshold or p_known is null
      or (j.setting_id, j.source_id, j.project_id, j.workflow_id) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k);
end
$$;

comment on function tocsin_internal.evaluate_run_slow(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of run_slow: the percentile in milliseconds, 5 % off at most.';

revoke all on all functions in schema tocsin_internal from public;
