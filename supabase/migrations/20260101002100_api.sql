-- The API's part: what the Edge Function tocsin-api asks for, each answer one JSON value of one
-- snapshot. A value and not rows, since the Data API cuts rows at max_rows without a word.
--
-- What people ask runs as the caller, under the caller's RLS. What scrapers ask is granted to
-- service_role alone: the function has checked their token.
--
-- Errors: TC017, TC018, TC019, raised by what these functions read (docs/reference/errors.md).
-- SECURITY DEFINER functions: tocsin.scrape_metrics, since it counts what no role may read: the
-- queues, the stages of the heart and their faults.

create function tocsin_internal.name_of_bucket(p_bucket interval) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_bucket >= interval '1 month' then extract(month from p_bucket) || 'mo'
    when p_bucket >= interval '1 day' then extract(day from p_bucket) || 'd'
    when extract(minute from p_bucket) = 0 then extract(hour from p_bucket) || 'h'
    else extract(epoch from p_bucket)::int / 60 || 'm' end
$$;

comment on function tocsin_internal.name_of_bucket(interval) is
  'The length of a bucket as the API says it: 15m, 6h, 7d, 1mo.';

create function tocsin.read_workflow_metrics(
  p_workflow_id text, p_from timestamptz, p_to timestamptz, p_bucket interval default '1 hour',
  p_project_id text default null, p_source_id text default null, p_time_zone text default 'UTC',
  p_now timestamptz default clock_timestamp()
) returns json
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_totals json;
begin
  select json_agg(json_build_object('source_id', w.source_id, 'project_id', w.project_id,
    'success_count', w.success_count, 'failure_count', w.failure_count,
    'timed_out_count', w.timed_out_count, 'canceled_count', w.canceled_count,
    'success_rate', w.success_rate, 'last_updated', w.last_updated)
    order by w.source_id, w.project_id)
  into v_totals
  from tocsin.workflow_run_metrics w
  where w.workflow_id = p_workflow_id
    and (p_project_id is null or w.project_id = p_project_id)
    and (p_source_id is null or w.source_id = p_source_id);
  -- not there, or not the caller's: nobody is to learn which
  if v_totals is null then
    return null;
  end if;

  return json_build_object('totals', v_totals, 'history', (
    select coalesce(json_agg(json_build_object('bucket_at', h.bucket_at,
      'success_count', h.success_count, 'failure_count', h.failure_count,
      'timed_out_count', h.timed_out_count, 'canceled_count', h.canceled_count,
      'success_rate', h.success_rate, 'duration_count', h.duration_count,
      'duration_ms_avg', h.duration_ms_avg, 'duration_ms_min', h.duration_ms_min,
      'duration_ms_max', h.duration_ms_max, 'duration_ms_p50', h.duration_ms_p50,
      'duration_ms_p95', h.duration_ms_p95, 'duration_ms_p99', h.duration_ms_p99,
      'resolution', tocsin_internal.name_of_bucket(h.resolution)) order by h.bucket_at), '[]')
    from tocsin.run_metrics_history(p_from, p_to, p_bucket, p_project_id, p_workflow_id,
      p_source_id, p_time_zone, p_now) as h
  ));
end
$$;

comment on function tocsin.read_workflow_metrics(text, timestamptz, timestamptz, interval, text,
  text, text, timestamptz) is
  'A workflow for the API: {totals, history}, of one snapshot. Null: it is not there, or the '
  'caller may not see it. Raises TC017 and TC018.';

create function tocsin.page_run_metrics_summary(
  p_from timestamptz, p_to timestamptz, p_project_id text default null,
  p_source_id text default null, p_min_runs int default 1, p_sort text default 'failure_count',
  p_descending boolean default true, p_limit int default 50,
  p_after_value double precision default null, p_after_workflow_id text default null,
  p_after_project_id text default null, p_after_source_id text default null,
  p_now timestamptz default clock_timestamp()
) returns json
language sql stable set search_path = '' set jit = off
as $$
  -- After a row, not after a number of rows: one that moves meanwhile moves no other to a page that
  -- is read already, or past it. One row more than the page tells whether there is a next.
  with ahead as materialized (
    select * from tocsin_internal.rank_workflows(p_from, p_to, p_project_id, null, p_source_id,
      p_min_runs, p_sort, p_descending, greatest(1, p_limit) + 1, 0, p_now, true, p_after_value,
      p_after_workflow_id, p_after_project_id, p_after_source_id)
  ),
  page as (select * from ahead where place <= greatest(1, p_limit))
  select json_build_object(
    'workflow_count', (select min(workflow_count) from ahead),
    'workflows', (
      select coalesce(json_agg(json_build_object('source_id', p.source_id,
        'project_id', p.project_id, 'workflow_id', p.workflow_id, 'run_count', p.run_count,
        'success_count', p.success_count, 'failure_count', p.failure_count,
        'timed_out_count', p.timed_out_count, 'canceled_count', p.canceled_count,
        'success_rate', p.success_rate, 'duration_ms_avg', p.duration_ms_avg,
        'run_count_before', p.run_count_before, 'success_rate_before', p.success_rate_before,
        'success_rate_change', p.success_rate_change, 'direction', p.direction,
        'last_updated', p.last_updated) order by p.place), '[]')
      from page p),
    'after', (
      select json_build_object('value', p.value, 'workflow_id', p.workflow_id,
        'project_id', p.project_id, 'source_id', p.source_id)
      from page p
      where (select max(place) from ahead) > greatest(1, p_limit)
      order by p.place desc limit 1)
  )
$$;

comment on function tocsin.page_run_metrics_summary(timestamptz, timestamptz, text, text, int, text,
  boolean, int, double precision, text, text, text, timestamptz) is
  'A page of run_metrics_summary() for the API: {workflow_count, workflows, after}. after is the '
  'last row''s place, for the next page''s p_after_…; null: there is no next. Raises TC017 and '
  'TC019.';

create function tocsin.scrape_metrics(
  p_limit int default 10000, p_project_id text default null, p_source_id text default null,
  p_with_durations boolean default true, p_now timestamptz default clock_timestamp()
) returns json
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_workflows json;
  v_left_out bigint;
  v_bins json;
  v_queue text;
  v_count bigint;
  v_queues jsonb := '{}';
  v_limit constant int := coalesce(p_limit, 10000);
begin
  with seen as materialized (
    select m.*, row_number() over (order by m.last_updated desc, m.source_id, m.project_id,
      m.workflow_id) as place
    from tocsin.workflow_run_metrics m
    where (p_project_id is null or m.project_id = p_project_id)
      and (p_source_id is null or m.source_id = p_source_id)
  ),
  chosen as materialized (
    select s.*, b.duration_ms_sum, b.duration_bins, b.duration_bin_counts
    from seen s
    left join tocsin_internal.run_buckets b on p_with_durations and b.bucket_minutes = 0
      and b.project_id = s.project_id and b.workflow_id = s.workflow_id
      and b.source_id = s.source_id
    where s.place <= v_limit
  )
  select
    (select coalesce(json_agg(json_build_array(c.source_id, c.project_id, c.workflow_id,
        c.success_count, c.failure_count - c.timed_out_count, c.timed_out_count, c.canceled_count,
        coalesce(c.duration_ms_sum, 0) / 1000, coalesce(c.duration_bins, '{}'),
        coalesce(c.duration_bin_counts, '{}')) order by c.source_id, c.project_id, c.workflow_id),
        '[]')
      from chosen c),
    (select count(*) from seen where place > v_limit),
    (select json_object_agg(bin, tocsin_internal.bin_value(bin) / 1000)
      from (select distinct unnest(c.duration_bins)::int as bin from chosen c) as used)
  into v_workflows, v_left_out, v_bins;

  -- a queue that is not there is not told of, and fails nothing
  foreach v_queue in array array['tocsin_failures', 'tocsin_failures_dlq', 'tocsin_deliveries',
    'tocsin_deliveries_dlq']
  loop
    if to_regclass('pgmq.q_' || v_queue) is not null then
      execute format('select count(*) from pgmq.%I', 'q_' || v_queue) into v_count;
      v_queues := v_queues || jsonb_build_object(v_queue, v_count);
    end if;
  end loop;

  return json_build_object(
    'version', tocsin.version(),
    'workflows', v_workflows,
    'workflows_left_out', v_left_out,
    'bin_seconds', coalesce(v_bins, '{}'),
    'pending_outcomes', (select count(*) from tocsin_internal.run_outcomes
      where outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)),
    'outcomes_set_aside', (select count(*) from tocsin_internal.outcomes_set_aside),
    'queues', v_queues,
    'deliveries', (
      select json_object_agg(state.name, coalesce(counted.n, 0))
      from unnest(enum_range(null::tocsin.delivery_state)) as state (name)
      left join (
        select d.state, count(*) as n from tocsin.deliveries d
        where d.created_at >= p_now - interval '1 day'
          or d.state = 'pending' or d.state = 'sending'
        group by d.state
      ) as counted on counted.state = state.name),
    'stages', (
      select coalesce(json_agg(json_build_object('stage', name,
        'last_run_at', extract(epoch from s.last_run_at),
        'last_duration_seconds', s.last_duration_ms / 1000,
        'fault_count', (select count(*) from tocsin_internal.stage_faults f
          where f.stage = name and f.happened_at >= p_now - interval '1 day'))
        order by place), '[]')
      from unnest(tocsin_internal.stage_names()) with ordinality as n (name, place)
      left join tocsin_internal.stages s on s.stage = name),
    'self', (
      select coalesce(json_agg(json_build_object('metric', m.metric, 'unit', m.unit,
        'description', m.description, 'points', m.points) order by m.metric), '[]')
      from (
        select metric, unit, description, json_agg(json_build_array(of, value)) as points
        from tocsin_internal.measure_itself(p_now) group by metric, unit, description
      ) as m));
end
$$;

comment on function tocsin.scrape_metrics(int, text, text, boolean, timestamptz) is
  'What GET /metrics of tocsin-api tells scrapers: p_limit workflows, those that ran last, each '
  '[source, project, workflow, succeeded, failed, timed out, canceled, seconds in all, bins, '
  'counts], how many were left out, and how Tocsin itself is. For service_role.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.name_of_bucket(interval) to authenticated, service_role;
revoke all on function tocsin.read_workflow_metrics(text, timestamptz, timestamptz, interval, text,
  text, text, timestamptz),
  tocsin.page_run_metrics_summary(timestamptz, timestamptz, text, text, int, text, boolean, int,
    double precision, text, text, text, timestamptz),
  tocsin.scrape_metrics(int, text, text, boolean, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function tocsin.read_workflow_metrics(text, timestamptz, timestamptz, interval,
  text, text, text, timestamptz),
  tocsin.page_run_metrics_summary(timestamptz, timestamptz, text, text, int, text, boolean, int,
    double precision, text, text, text, timestamptz)
  to authenticated, service_role;
grant execute on function tocsin.scrape_metrics(int, text, text, boolean, timestamptz)
  to service_role;
