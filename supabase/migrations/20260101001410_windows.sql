-- Windows: how the runs of each workflow ended in the minutes before an instant, or before each of
-- many. Every measure of runs is made of these sums, live and in a backtest.
--
-- Only what is rolled up is counted: the heart judges after it has rolled up.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.target as (project_id text, workflow_id text);
comment on type tocsin_internal.target is
  'What to look at: a workflow; with a null workflow, a project; with both null, everything.';

create function tocsin_internal.split_range(
  p_from timestamptz, p_to timestamptz, p_now timestamptz
) returns table (bucket_minutes int, begins timestamptz, ends timestamptz)
language plpgsql stable set search_path = ''
as $$
declare
  v_origin constant timestamptz := '2000-01-01 00:00:00+00';
  v_minutes int;
  v_step interval;
  v_low timestamptz;
  v_high timestamptz;
begin
  -- The longest buckets that lie within the range; what they leave at both ends in shorter ones.
  -- The shortest that still reach back so far may stick out.
  select max(g.bucket_minutes) into v_minutes from tocsin_internal.granularities g
  where g.bucket_minutes > 0 and p_from < p_to
    and make_interval(mins => g.bucket_minutes) <= p_to - p_from
    and date_bin(make_interval(mins => g.bucket_minutes), p_to, v_origin)
      - make_interval(mins => g.bucket_minutes) >= p_from;
  if v_minutes is null
    or p_from < p_now - (select kept_for from tocsin_internal.granularities g
      where g.bucket_minutes = v_minutes)
  then
    select min(g.bucket_minutes) into v_minutes from tocsin_internal.granularities g
    where g.bucket_minutes > 0 and (g.kept_for is null or p_from >= p_now - g.kept_for);
    bucket_minutes := v_minutes;
    begins := date_bin(make_interval(mins => v_minutes), p_from, v_origin);
    ends := p_to;
    if p_from < p_to then
      return next;
    end if;
    return;
  end if;

  v_step := make_interval(mins => v_minutes);
  v_high := date_bin(v_step, p_to, v_origin);
  v_low := date_bin(v_step, p_from, v_origin);
  if v_low < p_from then
    v_low := v_low + v_step;
  end if;
  return query select * from tocsin_internal.split_range(p_from, v_low, p_now);
  bucket_minutes := v_minutes;
  begins := v_low;
  ends := v_high;
  return next;
  return query select * from tocsin_internal.split_range(v_high, p_to, p_now);
end
$$;

comment on function tocsin_internal.split_range(timestamptz, timestamptz, timestamptz) is
  'A range as few buckets, of every length that is kept for so long.';

create function tocsin_internal.finest_kept(p_from timestamptz, p_now timestamptz) returns int
language sql stable set search_path = ''
as $$
  select min(bucket_minutes) from tocsin_internal.granularities
  where bucket_minutes > 0 and (kept_for is null or p_from >= p_now - kept_for)
$$;

comment on function tocsin_internal.finest_kept(timestamptz, timestamptz) is
  'The shortest buckets, in minutes, that reach back to an instant.';

create function tocsin_internal.known_workflows(p_targets tocsin_internal.target[])
returns table (source_id text, project_id text, workflow_id text)
language sql stable set search_path = ''
as $$
  select distinct b.source_id, b.project_id, b.workflow_id
  from unnest(p_targets) as t
  join tocsin_internal.run_buckets b on b.bucket_minutes = 0
    and (t.project_id is null or b.project_id = t.project_id)
    and (t.workflow_id is null or b.workflow_id = t.workflow_id)
$$;

comment on function tocsin_internal.known_workflows(tocsin_internal.target[]) is
  'The workflows among targets that any run was counted of.';

create function tocsin_internal.sum_windows(
  p_windows interval[], p_at timestamptz, p_targets tocsin_internal.target[], p_now timestamptz
) returns table (span interval, source_id text, project_id text, workflow_id text,
  success_count bigint, failure_count bigint, canceled_count bigint)
language plpgsql stable set search_path = '' set work_mem = '32MB'
as $$
#variable_conflict use_column
begin
  if p_targets is null then
    return query
      select w.span, b.source_id, b.project_id, b.workflow_id, sum(b.success_count)::bigint,
        sum(b.failed_count + b.timed_out_count)::bigint, sum(b.canceled_count)::bigint
      from unnest(p_windows) as w (span)
      cross join lateral tocsin_internal.split_range(p_at - w.span, p_at, p_now) as p
      cross join lateral (
        -- kept apart, so that each piece reads its own partition by its index on the time
        select * from tocsin_internal.run_buckets r
        where r.bucket_minutes = p.bucket_minutes
          and r.bucket_at >= p.begins and r.bucket_at < p.ends
        offset 0
      ) as b
      group by w.span, b.source_id, b.project_id, b.workflow_id;
  else
    return query
      select w.span, k.source_id, k.project_id, k.workflow_id, sum(b.success_count)::bigint,
        sum(b.failed_count + b.timed_out_count)::bigint, sum(b.canceled_count)::bigint
      from unnest(p_windows) as w (span)
      cross join lateral tocsin_internal.split_range(p_at - w.span, p_at, p_now) as p
      cross join tocsin_internal.known_workflows(p_targets) as k
      cross join lateral (
        select * from tocsin_internal.run_buckets r
        where r.bucket_minutes = p.bucket_minutes and r.project_id = k.project_id
          and r.workflow_id = k.workflow_id and r.source_id = k.source_id
          and r.bucket_at >= p.begins and r.bucket_at < p.ends
        offset 0
      ) as b
      group by w.span, k.source_id, k.project_id, k.workflow_id;
  end if;
end
$$;

comment on function tocsin_internal.sum_windows(interval[], timestamptz, tocsin_internal.target[],
  timestamptz) is
  'How the runs of each workflow ended in each window that ends at p_at; no row where none did. '
  'p_targets null: of all workflows.';

create function tocsin_internal.slide_windows(
  p_windows interval[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_targets tocsin_internal.target[], p_now timestamptz
) returns table (span interval, at timestamptz, source_id text, project_id text, workflow_id text,
  success_count bigint, failure_count bigint, canceled_count bigint)
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
      select s.span, p_from, s.source_id, s.project_id, s.workflow_id, s.success_count,
        s.failure_count, s.canceled_count
      from tocsin_internal.sum_windows(p_windows, p_from, p_targets, p_now) as s;
    return;
  end if;

  -- Each bucket comes into a window at its end and leaves it a window's length later; the sum of
  -- what came and went is what is in it.
  return query
    with bucket as materialized (
      select b.*
      from tocsin_internal.known_workflows(
        coalesce(p_targets, '{"(,)"}'::tocsin_internal.target[])) as k
      cross join lateral (
        select r.source_id, r.project_id, r.workflow_id, r.bucket_at + v_bucket as ends,
          r.success_count, r.failed_count + r.timed_out_count as failure_count, r.canceled_count
        from tocsin_internal.run_buckets r
        where r.bucket_minutes = v_minutes and r.project_id = k.project_id
          and r.workflow_id = k.workflow_id and r.source_id = k.source_id
          and r.bucket_at >= p_from - v_longest and r.bucket_at < p_to
        offset 0
      ) as b
    ),
    change as (
      select w.span, c.at, b.source_id, b.project_id, b.workflow_id, c.sign * b.success_count,
        c.sign * b.failure_count, c.sign * b.canceled_count, false
      from bucket b cross join unnest(p_windows) as w (span)
      cross join lateral (values (1, b.ends), (-1, b.ends + w.span)) as c (sign, at)
      union all
      select w.span, s.at, k.source_id, k.project_id, k.workflow_id, 0, 0, 0, true
      from (select distinct source_id, project_id, workflow_id from bucket) as k
      cross join unnest(p_windows) as w (span)
      cross join generate_series(p_from, p_to, p_step) as s (at)
    ),
    summed as (
      select c.span, c.at, c.source_id, c.project_id, c.workflow_id, c.is_asked,
        sum(c.success_count) over upto as success_count,
        sum(c.failure_count) over upto as failure_count,
        sum(c.canceled_count) over upto as canceled_count
      from change as c (span, at, source_id, project_id, workflow_id, success_count,
        failure_count, canceled_count, is_asked)
      window upto as (partition by c.span, c.source_id, c.project_id, c.workflow_id order by c.at)
    )
    select s.span, s.at, s.source_id, s.project_id, s.workflow_id, s.success_count::bigint,
      s.failure_count::bigint, s.canceled_count::bigint
    from summed s
    where s.is_asked and (s.success_count <> 0 or s.failure_count <> 0 or s.canceled_count <> 0);
end
$$;

comment on function tocsin_internal.slide_windows(interval[], timestamptz, timestamptz, interval,
  tocsin_internal.target[], timestamptz) is
  'sum_windows() at each step from p_from to p_to. Steps and windows that are no multiples of the '
  'buckets that reach back so far (finest_kept) are taken as if they were.';

revoke all on all functions in schema tocsin_internal from public;
