-- Summaries: every workflow over any range, beside the range before. The figures mean what they
-- mean in the file before.
--
-- Errors: TC017, TC019 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.round_range(
  p_from timestamptz, p_to timestamptz, p_now timestamptz,
  out begins timestamptz, out ends timestamptz, out at_first int, out at_last int
) returns record
language plpgsql stable set search_path = ''
as $$
declare
  v_origin constant timestamptz := '2000-01-01 00:00:00+00';
  v_last_day constant timestamptz := date_bin('1 day', p_to, v_origin);
begin
  -- The shortest length whose first bucket is kept. At the end that is the one after the last whole
  -- quarter, or day; where there is no whole day, the range has one length.
  select min(bucket_minutes) filter (where kept_for is null
      or date_bin(make_interval(mins => bucket_minutes), p_from, v_origin) >= p_now - kept_for),
    min(bucket_minutes) filter (where kept_for is null
      or case when bucket_minutes < 15 then date_bin('15 minutes', p_to, v_origin)
        else v_last_day end >= p_now - kept_for)
  into at_first, at_last
  from tocsin_internal.granularities where bucket_minutes > 0;

  begins := date_bin(make_interval(mins => at_first), p_from, v_origin);
  if date_bin('1 day', begins + interval '23:59:59.999999', v_origin) >= v_last_day then
    at_last := at_first;
  end if;
  ends := date_bin(make_interval(mins => at_last), p_to - interval '1 microsecond', v_origin)
    + make_interval(mins => at_last);
end
$$;

comment on function tocsin_internal.round_range(timestamptz, timestamptz, timestamptz) is
  'A range with its ends rounded to the buckets that are kept there, and their lengths in minutes.';

create function tocsin_internal.range_pieces(
  p_from timestamptz, p_to timestamptz, p_now timestamptz
) returns table (bucket_minutes int, begins timestamptz, ends timestamptz)
language plpgsql stable set search_path = ''
as $$
#variable_conflict use_column
declare
  v_first int;
  v_last int;
  v_low timestamptz;
  v_high timestamptz;
  v_low_day timestamptz;
  v_high_day timestamptz;
begin
  -- Days where the range has whole ones; at its ends quarters, and minutes where it does not begin
  -- or end at a quarter. What is no longer kept that short comes in the bucket that it lies in.
  select r.begins, r.ends, r.at_first, r.at_last into v_low, v_high, v_first, v_last
  from tocsin_internal.round_range(p_from, p_to, p_now) as r;
  v_low_day := date_bin('1 day', v_low + interval '23:59:59.999999', '2000-01-01 00:00:00+00');
  v_high_day := date_bin('1 day', v_high, '2000-01-01 00:00:00+00');

  -- a range up to now ends with a whole day too, as far as anything is counted
  if v_low_day <= v_high_day and v_high_day < v_high and p_to > p_now - interval '1 hour'
    and not exists (
      select from tocsin_internal.run_buckets b where b.bucket_minutes = v_last
        and b.bucket_at >= v_high and b.bucket_at < v_high_day + interval '1 day')
  then
    v_high := v_high_day + interval '1 day';
  end if;

  return query
  with day as (
    select v_low_day as d0, date_bin('1 day', v_high, '2000-01-01 00:00:00+00') as d1
  ),
  part as (
    select v_first as shortest, v_low as low, case when d0 < d1 then d0 else v_high end as high
    from day
    union all
    select v_last, d1, v_high from day where d0 < d1
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
  order by p.begins;
end
$$;

comment on function tocsin_internal.range_pieces(timestamptz, timestamptz, timestamptz) is
  'A range as few buckets: days where it has whole ones, quarters and minutes at its ends.';

create function tocsin_internal.select_pieces(
  p_from timestamptz, p_to timestamptz, p_now timestamptz, p_is_now boolean, p_condition text
) returns text
language plpgsql stable set search_path = ''
as $$
begin
  -- a select for each piece, with its bounds written into it: so each reads its own partition only,
  -- and is planned for what it reads
  return (
    select string_agg(format('select %L::boolean as is_now, b.source_id, b.project_id, '
      'b.workflow_id, b.success_count::double precision as succeeded, '
      'b.failed_count::double precision as failed, '
      'b.timed_out_count::double precision as timed_out, '
      'b.canceled_count::double precision as canceled, '
      'b.duration_count::double precision as durations, b.duration_ms_sum, b.last_updated '
      'from tocsin_internal.run_buckets b '
      'where b.bucket_minutes = %s and b.bucket_at >= %L and b.bucket_at < %L%s', p_is_now,
      p.bucket_minutes, to_char(p.begins at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'),
      to_char(p.ends at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'), p_condition),
      ' union all ')
    from tocsin_internal.range_pieces(p_from, p_to, p_now) as p);
end
$$;

comment on function tocsin_internal.select_pieces(timestamptz, timestamptz, timestamptz, boolean,
  text) is
  'The query that reads the buckets of a range. p_condition is SQL on b, a bucket, to add to it.';

create function tocsin_internal.select_runs(
  p_from timestamptz, p_to timestamptz, p_before timestamptz, p_condition text, p_now timestamptz,
  p_with_before boolean
) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_mine text := '';
begin
  -- what RLS would leave out anyway: with few projects, their own keys are read and no others
  if row_security_active('tocsin_internal.run_buckets') and not tocsin_internal.is_operator() then
    v_mine := format(' and b.project_id = any (%L)', array(select tocsin.my_project_ids()));
  end if;
  -- numbers up to 2^53 are exact in double precision, and quicker to sum than bigint
  return concat(
    'select source_id, project_id, workflow_id, is_now, sum(succeeded) as succeeded, '
    'sum(failed) as failed, sum(timed_out) as timed_out, sum(canceled) as canceled, '
    'sum(durations) as durations, sum(duration_ms_sum) as ms_sum, '
    'max(last_updated) as last_updated from (',
    tocsin_internal.select_pieces(p_from, p_to, p_now, true, v_mine || p_condition),
    case when p_with_before then ' union all ' || tocsin_internal.select_pieces(p_before, p_from,
      p_now, false, v_mine || p_condition) end,
    format($pending$ union all
      select case when at >= %1$L and at < %3$L then at >= %2$L end,
        source_id, project_id, workflow_id,
        case outcome when 'succeeded' then sign else 0 end::double precision,
        case outcome when 'failed' then sign else 0 end::double precision,
        case outcome when 'timed_out' then sign else 0 end::double precision,
        case outcome when 'canceled' then sign else 0 end::double precision,
        case when duration_ms is null then 0 else sign end::double precision,
        coalesce(duration_ms * sign, 0), captured_at
      from tocsin_internal.pending_outcomes b %4$s
    $pending$, to_char(p_before at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'),
      to_char(p_from at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'),
      to_char(p_to at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00'),
      regexp_replace(p_condition, '^ and', 'where')),
    ') as b group by source_id, project_id, workflow_id, is_now');
end
$$;

comment on function tocsin_internal.select_runs(timestamptz, timestamptz, timestamptz, text,
  timestamptz, boolean) is
  'The query that sums up the runs of each workflow from p_from to p_to, pending ones included '
  '(is_now), and of p_before to p_from what is pending, or all with p_with_before. What is pending '
  'and in neither has no is_now. p_condition is SQL on b, a bucket.';

create function tocsin_internal.rank_workflows(
  p_from timestamptz, p_to timestamptz, p_project_id text, p_workflow_id text, p_source_id text,
  p_min_runs int, p_sort text, p_descending boolean, p_limit int, p_offset int, p_now timestamptz,
  p_with_count boolean default false, p_after_value double precision default null,
  p_after_workflow_id text default null, p_after_project_id text default null,
  p_after_source_id text default null
) returns table (source_id text, project_id text, workflow_id text, run_count bigint,
  success_count bigint, failure_count bigint, timed_out_count bigint, canceled_count bigint,
  success_rate double precision, duration_ms_avg double precision, run_count_before bigint,
  success_rate_before double precision, success_rate_change double precision, direction text,
  last_updated timestamptz, value double precision, place bigint, workflow_count bigint)
-- one entry for each workflow and for each place of a bitmap; compiling takes longer than it saves
language plpgsql stable set search_path = '' set work_mem = '32MB' set jit = off
as $$
declare
  v_sorts constant text[] := array['run_count', 'success_count', 'failure_count',
    'timed_out_count', 'canceled_count', 'success_rate', 'success_rate_change', 'duration_ms_avg',
    'last_updated', 'workflow_id'];
  v_before timestamptz;
  v_from timestamptz;
  v_to timestamptz;
  v_condition constant text := concat(
    ' and b.project_id = ' || quote_literal(p_project_id),
    ' and b.workflow_id = ' || quote_literal(p_workflow_id),
    ' and b.source_id = ' || quote_literal(p_source_id));
  -- of a page, only its own workflows are looked up in the range before
  v_is_page constant boolean := coalesce(p_limit <= 500 and p_sort <> 'success_rate_change', false);
  v_order text;
begin
  perform tocsin_internal.refuse_bad_range(p_from, p_to, null, 'UTC');
  if p_sort is null or p_sort <> all (v_sorts) then
    raise exception 'A summary cannot be sorted by "%"', p_sort using errcode = 'TC019',
      hint = 'Sort by one of: ' || array_to_string(v_sorts, ', ');
  end if;
  -- what is pending is taken of whole buckets too, and no bucket is in both ranges
  select begins, ends into v_from, v_to from tocsin_internal.round_range(p_from, p_to, p_now);
  select begins into v_before
  from tocsin_internal.round_range(v_from - (p_to - p_from), v_from, p_now);
  v_order := case when p_sort <> 'workflow_id'
      then format('value %s nulls last, ', case when p_descending then 'desc' else 'asc' end)
    when p_descending then 'workflow_id desc, ' else '' end || 'workflow_id, project_id, source_id';

  return query execute concat(
    'with summed as materialized (',
    tocsin_internal.select_runs(v_from, v_to, v_before, v_condition, p_now, not v_is_page),
    '), past as materialized (select * from summed where not is_now), ranked as (
      select *, ', case p_sort when 'workflow_id' then 'null'
        when 'last_updated' then 'extract(epoch from last_updated)'
        else quote_ident(p_sort) end, '::double precision as value
      from (
        select n.source_id, n.project_id, n.workflow_id, n.succeeded as success_count,
          n.succeeded + n.failed + n.timed_out + n.canceled as run_count,
          n.failed + n.timed_out as failure_count, n.timed_out as timed_out_count,
          n.canceled as canceled_count, n.last_updated,
          n.succeeded / nullif(n.succeeded + n.failed + n.timed_out, 0) as success_rate,
          n.ms_sum / nullif(n.durations, 0) as duration_ms_avg, ',
    case when v_is_page then '
          null::double precision as run_count_before,
          null::double precision as success_rate_before,
          null::double precision as success_rate_change
        from summed n where n.is_now'
    else '
          b.succeeded + b.failed + b.timed_out + b.canceled as run_count_before,
          b.succeeded / nullif(b.succeeded + b.failed + b.timed_out, 0) as success_rate_before,
          n.succeeded / nullif(n.succeeded + n.failed + n.timed_out, 0)
            - b.succeeded / nullif(b.succeeded + b.failed + b.timed_out, 0) as success_rate_change
        from summed n
        left join past b on b.source_id = n.source_id and b.project_id = n.project_id
          and b.workflow_id = n.workflow_id
        where n.is_now' end, '
      ) as s
      where run_count >= $1
    ), page as (
      select *
      from ranked r
      where $2 is null or case
        when $3 = ''workflow_id'' and r.workflow_id <> $4 then (r.workflow_id < $4) = $5
        when r.value is distinct from $6
          then $6 is not null and coalesce((r.value < $6) = $5, true)
        else (r.workflow_id, r.project_id, r.source_id) > ($4, $7, $2) end
      order by ', v_order, ' limit greatest(0, $8) offset greatest(0, $9)
    ), placed as (
      select *, row_number() over (order by ', v_order, ') as place from page
    )
    select p.source_id, p.project_id, p.workflow_id, p.run_count::bigint, p.success_count::bigint,
      p.failure_count::bigint, p.timed_out_count::bigint, p.canceled_count::bigint, p.success_rate,
      p.duration_ms_avg, coalesce(b.run_count, 0)::bigint, b.success_rate,
      p.success_rate - b.success_rate, case sign(p.success_rate - b.success_rate)
        when 1 then ''better'' when -1 then ''worse'' when 0 then ''same'' else ''new'' end,
      p.last_updated, p.value, p.place, c.n
    from (select ', case when p_with_count then '(select count(*) from ranked)'
      else 'null::bigint' end, ' as n) as c
    left join placed p on true
    left join lateral (', case when v_is_page then '
      select sum(succeeded + failed + timed_out + canceled) as run_count,
        sum(succeeded) / nullif(sum(succeeded + failed + timed_out), 0) as success_rate
      from (
        select succeeded, failed, timed_out, canceled from past b
        where b.source_id = p.source_id and b.project_id = p.project_id
          and b.workflow_id = p.workflow_id
        union all
        select succeeded, failed, timed_out, canceled from ('
          || tocsin_internal.select_pieces(v_before, v_from, p_now, false,
            ' and b.project_id = p.project_id and b.workflow_id = p.workflow_id '
            'and b.source_id = p.source_id') || ') as b
      ) as b'
    else '
      select p.run_count_before as run_count, p.success_rate_before as success_rate' end, '
    ) as b on true
    order by p.place')
  using p_min_runs, p_after_source_id, p_sort, p_after_workflow_id, p_descending, p_after_value,
    p_after_project_id, p_limit, p_offset;
end
$$;

comment on function tocsin_internal.rank_workflows(timestamptz, timestamptz, text, text, text, int,
  text, boolean, int, int, timestamptz, boolean, double precision, text, text, text) is
  'The rows of run_metrics_summary(), those after a place, each with its value in p_sort and its '
  'place. With p_with_count, how many there are in all; one row says that too when there are no '
  'others. Raises TC017 and TC019.';

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
begin
  return query
  select r.source_id, r.project_id, r.workflow_id, r.run_count, r.success_count, r.failure_count,
    r.timed_out_count, r.canceled_count, r.success_rate, r.duration_ms_avg, r.run_count_before,
    r.success_rate_before, r.success_rate_change, r.direction, r.last_updated
  from tocsin_internal.rank_workflows(p_from, p_to, p_project_id, p_workflow_id, p_source_id,
    p_min_runs, p_sort, p_descending, p_limit, p_offset, p_now) as r
  where r.source_id is not null;
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
  tocsin_internal.round_range(timestamptz, timestamptz, timestamptz),
  tocsin_internal.select_pieces(timestamptz, timestamptz, timestamptz, boolean, text),
  tocsin_internal.select_runs(timestamptz, timestamptz, timestamptz, text, timestamptz, boolean),
  tocsin_internal.rank_workflows(timestamptz, timestamptz, text, text, text, int, text, boolean,
    int, int, timestamptz, boolean, double precision, text, text, text)
  to authenticated, service_role;
