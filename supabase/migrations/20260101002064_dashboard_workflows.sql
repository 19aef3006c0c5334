-- The dashboard's list of workflows: how each fared in a range, what it is called, and its runs
-- over time in a few bars; beside it how all of them together fared, now and in the range before.
-- One JSON value of one snapshot, as the caller, under the caller's RLS.
--
-- Errors: TC017 and TC018, raised by what is called here (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.sum_runs(
  p_from timestamptz, p_to timestamptz, p_project_id text, p_workflow_id text, p_source_id text,
  p_now timestamptz
) returns table (is_now boolean, run_count bigint, success_count bigint, failure_count bigint,
  timed_out_count bigint, canceled_count bigint, success_rate double precision,
  duration_ms_avg double precision, workflow_count bigint, failing_count bigint)
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_before timestamptz;
  v_from timestamptz;
  v_to timestamptz;
  v_condition constant text := concat(
    ' and b.project_id = ' || quote_literal(p_project_id),
    ' and b.workflow_id = ' || quote_literal(p_workflow_id),
    ' and b.source_id = ' || quote_literal(p_source_id));
begin
  -- the same whole buckets that rank_workflows() takes
  select begins, ends into v_from, v_to from tocsin_internal.round_range(p_from, p_to, p_now);
  select begins into v_before
  from tocsin_internal.round_range(v_from - (p_to - p_from), v_from, p_now);
  return query execute concat('
    select is_now, sum(succeeded + failed + timed_out + canceled)::bigint, sum(succeeded)::bigint,
      sum(failed + timed_out)::bigint, sum(timed_out)::bigint, sum(canceled)::bigint,
      sum(succeeded) / nullif(sum(succeeded + failed + timed_out), 0),
      sum(ms_sum) / nullif(sum(durations), 0), count(*),
      count(*) filter (where failed + timed_out > 0)
    from (', tocsin_internal.select_runs(v_from, v_to, v_before, v_condition, p_now, true), ') as w
    where is_now is not null and succeeded + failed + timed_out + canceled > 0
    group by is_now');
end
$$;

comment on function tocsin_internal.sum_runs(timestamptz, timestamptz, text, text, text,
  timestamptz) is
  'How the runs of these workflows together ended in a range (is_now) and in the one of the same '
  'length before it: up to two rows.';

create function tocsin.dashboard_workflows(
  p_from timestamptz, p_to timestamptz, p_bucket interval default '1 hour',
  p_project_id text default null, p_time_zone text default 'UTC', p_limit int default 1000,
  p_now timestamptz default clock_timestamp()
) returns json
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_begins timestamptz[];
  v_minutes int;
  v_workflows json;
  v_count bigint;
  v_sums json;
begin
  perform tocsin_internal.refuse_bad_range(p_from, p_to, p_bucket, p_time_zone);
  select json_object_agg(s.is_now, s) into v_sums
  from tocsin_internal.sum_runs(p_from, p_to, p_project_id, null, null, p_now) as s;
  v_minutes := tocsin_internal.finest_minutes(p_from,
    tocsin_internal.minutes_of_bucket(p_bucket), p_now);
  select array_agg(s.begins order by s.begins) into v_begins
  from tocsin_internal.time_slots(p_from, p_to, p_bucket, p_time_zone) as s;
  with ranked as materialized (
    select * from tocsin_internal.rank_workflows(p_from, p_to, p_project_id, null, null, 1,
      'failure_count', true, greatest(1, least(p_limit, 5000)), 0, p_now, true)
  )
  select min(r.workflow_count), coalesce(json_agg(json_build_object('source_id', r.source_id,
    'project_id', r.project_id, 'workflow_id', r.workflow_id, 'name', n.name,
    'run_count', r.run_count, 'success_count', r.success_count,
    'failure_count', r.failure_count, 'timed_out_count', r.timed_out_count,
    'canceled_count', r.canceled_count, 'success_rate', r.success_rate,
    'duration_ms_avg', r.duration_ms_avg, 'run_count_before', r.run_count_before,
    'success_rate_change', r.success_rate_change, 'direction', r.direction,
    'last_updated', r.last_updated, 'trend', t.trend) order by r.place)
    filter (where r.source_id is not null), '[]')
  into v_count, v_workflows
  from ranked r
  left join tocsin.names n
    on n.project_id = r.project_id and n.workflow_id = r.workflow_id and r.workflow_id <> ''
  -- by its whole key each, so that no other workflow's buckets are touched; what is pending waits
  -- for the heart here
  left join lateral (
    select json_agg(json_build_array(c.slot, c.succeeded, c.failed) order by c.slot) as trend
    from (
      select width_bucket(b.bucket_at, v_begins) - 1 as slot,
        sum(b.success_count)::bigint as succeeded,
        sum(b.failed_count + b.timed_out_count)::bigint as failed
      from tocsin_internal.run_buckets b
      where b.bucket_minutes = v_minutes and b.project_id = r.project_id
        and b.workflow_id = r.workflow_id and b.source_id = r.source_id
        and b.bucket_at >= v_begins[1] and b.bucket_at < p_to
      group by 1
    ) as c
  ) as t on true;
  return json_build_object(
    'slot_count', cardinality(v_begins),
    'workflow_count', coalesce(v_count, 0),
    'workflows', v_workflows,
    'now', v_sums -> 'true', 'before', v_sums -> 'false');
end
$$;

comment on function tocsin.dashboard_workflows(timestamptz, timestamptz, interval, text, text, int,
  timestamptz) is
  'The dashboard''s list of workflows: {slot_count, workflow_count, workflows, now, before}. Those '
  'with most failures first, each as run_metrics_summary() tells it, with its name and trend: '
  '[slot, succeeded, failed] for each bucket that has runs. now and before sum up the range and '
  'the one before. Raises TC017 and TC018.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function
  tocsin_internal.sum_runs(timestamptz, timestamptz, text, text, text, timestamptz)
  to authenticated, service_role;
revoke all on function tocsin.dashboard_workflows(timestamptz, timestamptz, interval, text, text,
  int, timestamptz) from public, anon;
grant execute on function tocsin.dashboard_workflows(timestamptz, timestamptz, interval, text, text,
  int, timestamptz) to authenticated;
