-- Summaries: every workflow over any range, beside the range before. The figures mean what they
-- mean in the file before.
--
-- Errors: TC017, TC019 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.range_pieces(
  p_from timestamptz, p_to timestamptz, p_now timestamptz
) returns table (bucket_minutes int, begins timestamptz, ends timestamptz)
language sql stable set search_path = ''
as $$
  -- Days where the range has whole ones; at its ends quarters, and minutes where it does not begin
  -- or end at a quarter. What is no longer kept that short comes in the bucket that it lies in.
  with kept as (
    select min(bucket_minutes) filter (where kept_for is null or p_from >= p_now - kept_for)
        as at_first,
      min(bucket_minutes) filter (where kept_for is null or p_to >= p_now - kept_for) as at_last
    from tocsin_internal.granularities where bucket_minutes > 0
  ),
  snapped as (
    select at_first, at_last, p_to as high,
      date_bin(make_interval(mins => at_first), p_from, '2000-01-01 00:00:00+00') as low
    from kept
  ),
  day as (
    select *, date_bin('1 day', low + interval '23:59:59.999999', '2000-01-01 00:00:00+00') as d0,
      date_bin('1 day', high, '2000-01-01 00:00:00+00') as d1
    from snapped
  ),
  part as (
    select at_first as shortest, low, case when d0 < d1 then d0 else high end as high from day
    union all
    select at_last, d1, high from day where d0 < d1
  ),
  quarter as (
    select *, date_bin('15 minutes', low + interval '14:59.999999', '2000-01-01 00:00:00+00') as q0,
      date_bin('15 minutes', high, '2000-01-01 00:00:00+00') as q1
    from part
  )
  select p.* from (
    select 1440, d0, d1 from day
    union all
    select shortest, low, high from quarter where q0 >= q1 or shortest > 15
    union all
    select shortest, low, q0 from quarter where q0 < q1 and shortest <= 15
    union all
    select 15, q0, q1 from quarter where q0 < q1 and shortest <= 15
    union all
    select shortest, q1, high from quarter where q0 < q1 and shortest <= 15
  ) as p (bucket_minutes, begins, ends)
  where p.begins < p.ends
  order by p.begins
$$;

comment on function tocsin_internal.range_pieces(timestamptz, timestamptz, timestamptz) is
  'A range as few buckets: days where it has whole ones, quarters and minutes at its ends.';

create function tocsin_internal.sum_range(
  p_from timestamptz, p_to timestamptz, p_project_id text, p_workflow_id text, p_source_id text,
  p_now timestamptz
) returns table (source_id text, project_id text, workflow_id text, success_count bigint,
  failure_count bigint, timed_out_count bigint, canceled_count bigint, duration_count bigint,
  duration_ms_sum double precision, last_updated timestamptz)
language sql stable set search_path = ''
as $$
  select c.source_id, c.project_id, c.workflow_id, sum(c.success_count)::bigint,
    sum(c.failed_count + c.timed_out_count)::bigint, sum(c.timed_out_count)::bigint,
    sum(c.canceled_count)::bigint, sum(c.duration_count)::bigint, sum(c.duration_ms_sum),
    max(c.last_updated)
  from (
    select b.* from tocsin_internal.range_pieces(p_from, p_to, p_now) p
    join tocsin_internal.run_buckets b on b.bucket_minutes = p.bucket_minutes
      and b.bucket_at >= p.begins and b.bucket_at < p.ends
    where (p_project_id is null or b.project_id = p_project_id)
      and (p_workflow_id is null or b.workflow_id = p_workflow_id)
      and (p_source_id is null or b.source_id = p_source_id)
    union all
    select p.* from tocsin_internal.pending_buckets(p_from, p_to, p_project_id, p_workflow_id,
      p_source_id) as p
  ) as c
  group by c.source_id, c.project_id, c.workflow_id
$$;

comment on function tocsin_internal.sum_range(timestamptz, timestamptz, text, text, text,
  timestamptz) is 'How the runs of each workflow ended in a range, what is pending included.';

create function tocsin.run_metrics_summary(
  p_from timestamptz, p_to timestamptz, p_project_id text default null,
  p_workflow_id text default null, p_source_id text default null, p_min_runs int default 1,
  p_sort text default 'failure_count', p_descending boolean default true, p_limit int default 100,
  p_offset int default 0, p_now timestamptz default clock_timestamp()
) returns table (source_id text, project_id text, workflow_id text, run_count bigint,
  success_count bigint, failure_count bigint, timed_out_count bigint, canceled_count bigint,
  success_rate double precision, duration_ms_avg double precision, run_count_before bigint,
  success_rate_before double precision, success_rate_change double precision, direction text,
  last_updated timestamptz)
language plpgsql stable set search_path = ''
as $$
#variable_conflict use_column
declare
  v_sorts constant text[] := array['run_count', 'success_count', 'failure_count',
    'timed_out_count', 'canceled_count', 'success_rate', 'success_rate_change', 'duration_ms_avg',
    'last_updated', 'workflow_id'];
begin
  perform tocsin_internal.refuse_bad_range(p_from, p_to, null, 'UTC');
  if p_sort is null or p_sort <> all (v_sorts) then
    raise exception 'A summary cannot be sorted by "%"', p_sort using errcode = 'TC019',
      hint = 'Sort by one of: ' || array_to_string(v_sorts, ', ');
  end if;

  return query
  select s.* from (
    select now.source_id, now.project_id, now.workflow_id,
      now.success_count + now.failure_count + now.canceled_count as run_count, now.success_count,
      now.failure_count, now.timed_out_count, now.canceled_count, rate.here as success_rate,
      now.duration_ms_sum / nullif(now.duration_count, 0) as duration_ms_avg,
      coalesce(past.success_count + past.failure_count + past.canceled_count, 0)
        as run_count_before,
      rate.past as success_rate_before, rate.here - rate.past as success_rate_change,
      case sign(rate.here - rate.past) when 1 then 'better' when -1 then 'worse' when 0 then 'same'
        else 'new' end as direction,
      now.last_updated
    from tocsin_internal.sum_range(p_from, p_to, p_project_id, p_workflow_id, p_source_id,
      p_now) as now
    left join tocsin_internal.sum_range(p_from - (p_to - p_from), p_from, p_project_id,
      p_workflow_id, p_source_id, p_now) as past using (source_id, project_id, workflow_id)
    cross join lateral (
      select now.success_count::double precision
          / nullif(now.success_count + now.failure_count, 0) as here,
        past.success_count::double precision
          / nullif(past.success_count + past.failure_count, 0) as past
    ) as rate
  ) as s
  cross join lateral (
    select case when p_descending then -1 else 1 end * case p_sort
      when 'run_count' then s.run_count when 'success_count' then s.success_count
      when 'failure_count' then s.failure_count when 'timed_out_count' then s.timed_out_count
      when 'canceled_count' then s.canceled_count when 'success_rate' then s.success_rate
      when 'success_rate_change' then s.success_rate_change
      when 'duration_ms_avg' then s.duration_ms_avg
      when 'last_updated' then extract(epoch from s.last_updated) end as place
  ) as sorted
  where s.run_count >= p_min_runs
  order by sorted.place nulls last,
    case when p_sort = 'workflow_id' and p_descending then s.workflow_id end desc,
    s.workflow_id, s.project_id, s.source_id
  limit greatest(0, p_limit) offset greatest(0, p_offset);
end
$$;

comment on function tocsin.run_metrics_summary(timestamptz, timestamptz, text, text, text, int,
  text, boolean, int, int, timestamptz) is
  'How the runs of each workflow ended in a range, beside the range of the same length before it: '
  'success_rate_change, and direction (better, worse, same; new: there is nothing to compare). '
  'p_sort is a column; workflows with fewer than p_min_runs are left out. Raises TC017 and TC019.';

create function tocsin_internal.prune_buckets(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with gone as (
    delete from tocsin_internal.run_buckets b
    using (
      select o.bucket_minutes, o.project_id, o.workflow_id, o.source_id, o.bucket_at
      from tocsin_internal.granularities g
      cross join lateral (
        select * from tocsin_internal.run_buckets r
        where r.bucket_minutes = g.bucket_minutes
          and r.bucket_at < p_now - g.kept_for - make_interval(mins => g.bucket_minutes)
        order by r.bucket_at limit p_limit
      ) as o
      where g.kept_for is not null
    ) as old
    where b.bucket_minutes = old.bucket_minutes and b.project_id = old.project_id
      and b.workflow_id = old.workflow_id and b.source_id = old.source_id
      and b.bucket_at = old.bucket_at
    returning 1
  )
  select count(*) from gone
$$;

comment on function tocsin_internal.prune_buckets(timestamptz, int) is
  'Drops buckets past their retention, p_limit of each length at most. Part of maintain().';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.run_metrics_summary(timestamptz, timestamptz, text, text, text, int,
  text, boolean, int, int, timestamptz) from public, anon;
grant execute on function tocsin.run_metrics_summary(timestamptz, timestamptz, text, text, text,
  int, text, boolean, int, int, timestamptz) to authenticated, service_role;
grant execute on function tocsin_internal.range_pieces(timestamptz, timestamptz, timestamptz),
  tocsin_internal.sum_range(timestamptz, timestamptz, text, text, text, timestamptz)
  to authenticated, service_role;
