-- History: how runs ended over time, bucket by bucket, in the caller's own days. The figures mean
-- what they mean in the file before.
--
-- Errors: TC017 and TC018 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.read_buckets(
  p_bucket_minutes int, p_from timestamptz, p_to timestamptz, p_project_id text,
  p_workflow_id text, p_source_id text
) returns setof tocsin_internal.run_buckets
language plpgsql stable set search_path = ''
as $$
begin
  if p_workflow_id is null then
    -- planned for these values: by time or by project, whichever is shorter
    return query execute concat_ws(' and ',
      format('select b.* from tocsin_internal.run_buckets b where b.bucket_minutes = %s '
        'and b.bucket_at >= $1 and b.bucket_at < $2', p_bucket_minutes),
      'b.project_id = ' || quote_literal(p_project_id),
      'b.source_id = ' || quote_literal(p_source_id))
    using p_from, p_to;
  else
    -- the totals know its whole keys, so that no other is touched
    return query
    select b.* from tocsin_internal.run_buckets t
    join tocsin_internal.run_buckets b on b.bucket_minutes = p_bucket_minutes
      and b.project_id = t.project_id and b.workflow_id = t.workflow_id
      and b.source_id = t.source_id and b.bucket_at >= p_from and b.bucket_at < p_to
    where t.bucket_minutes = 0 and t.workflow_id = p_workflow_id
      and (p_project_id is null or t.project_id = p_project_id)
      and (p_source_id is null or t.source_id = p_source_id);
  end if;
  return query
  select * from tocsin_internal.pending_buckets(p_from, p_to, p_project_id, p_workflow_id,
    p_source_id);
end
$$;

comment on function tocsin_internal.read_buckets(int, timestamptz, timestamptz, text, text, text) is
  'The buckets of one length in a range, and what is pending there.';

create function tocsin_internal.finest_minutes(
  p_from timestamptz, p_wanted int, p_now timestamptz
) returns int
language plpgsql stable set search_path = ''
as $$
begin
  -- the longest that still divides what is wanted, among those that reach back far enough
  return coalesce(
    (select max(bucket_minutes) from tocsin_internal.granularities
     where bucket_minutes > 0 and p_wanted % bucket_minutes = 0
       and (kept_for is null or p_from >= p_now - kept_for)),
    (select min(bucket_minutes) from tocsin_internal.granularities
     where bucket_minutes > 0 and (kept_for is null or p_from >= p_now - kept_for)));
end
$$;

comment on function tocsin_internal.finest_minutes(timestamptz, int, timestamptz) is
  'Which length of bucket to read for a range that begins at p_from, to show p_wanted minutes '
  'each: '
  'one that fits, else the shortest that is still kept.';

create function tocsin_internal.start_of_day(p_day timestamp, p_time_zone text)
returns timestamptz
language plpgsql stable set search_path = ''
as $$
begin
  -- Where clocks are set back to midnight there are two, and Postgres takes the later; where they
  -- are set forward from it there is none, and it takes the instant of the change.
  return (
    select min(instant)
    from unnest(array['0', '30 minutes', '1 hour', '2 hours', '3 hours']::interval[]) as back
    cross join lateral (select (p_day at time zone p_time_zone) - back as instant) as i
    where back = '0' or instant at time zone p_time_zone = p_day);
end
$$;

comment on function tocsin_internal.start_of_day(timestamp, text) is
  'The first instant of a local day, given as its midnight.';

create function tocsin.run_metrics_history(
  p_from timestamptz, p_to timestamptz, p_bucket interval default '1 hour',
  p_project_id text default null, p_workflow_id text default null, p_source_id text default null,
  p_time_zone text default 'UTC', p_now timestamptz default clock_timestamp()
) returns table (bucket_at timestamptz, success_count bigint, failure_count bigint,
  timed_out_count bigint, canceled_count bigint, success_rate double precision,
  duration_count bigint,
  duration_ms_avg double precision, duration_ms_min double precision,
  duration_ms_max double precision, duration_ms_p50 double precision,
  duration_ms_p95 double precision, duration_ms_p99 double precision, resolution interval)
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_wanted constant int := tocsin_internal.minutes_of_bucket(p_bucket);
  v_is_calendar constant boolean := v_wanted = 1440;
  v_minutes int;
  v_step interval := p_bucket;
  v_zone text := p_time_zone;
  v_first timestamp;
  v_midnight timestamptz;
  v_first_absolute timestamptz;
  v_begins timestamptz[];
  v_end timestamptz;
begin
  perform tocsin_internal.refuse_bad_range(p_from, p_to, p_bucket, p_time_zone);

  -- days and longer are the caller's own days, made of quarters of an hour while these are kept
  -- since their first begins
  v_first := date_trunc(case p_bucket when interval '1 month' then 'month'
    when interval '7 days' then 'week' else 'day' end, p_from at time zone v_zone);
  if v_is_calendar then
    v_minutes := tocsin_internal.finest_minutes(tocsin_internal.start_of_day(v_first, v_zone),
      case when p_time_zone in ('UTC', 'Etc/UTC') then 1440 else 15 end, p_now);
    if v_minutes = 1440 and p_time_zone not in ('UTC', 'Etc/UTC') then
      v_zone := 'UTC';
      v_first := date_trunc(case p_bucket when interval '1 month' then 'month'
        when interval '7 days' then 'week' else 'day' end, p_from at time zone v_zone);
    end if;
  else
    -- hours are stepped from the midnight before, so that none is missed when clocks are set back
    v_midnight := tocsin_internal.start_of_day(v_first, v_zone);
    loop
      v_first_absolute := date_bin(v_step, p_from, v_midnight);
      v_minutes := tocsin_internal.finest_minutes(v_first_absolute, v_wanted, p_now);
      exit when v_minutes = 1440 or extract(epoch from v_step) % (60 * v_minutes) = 0;
      v_step := make_interval(mins => v_minutes);
    end loop;
    if v_minutes = 1440 then
      v_zone := 'UTC';
      v_step := interval '1 day';
      v_first := date_trunc('day', p_from at time zone v_zone);
    end if;
  end if;

  -- a calendar's slots are stepped in local time, since a day may have 23 hours or 25
  select array_agg(s.begins order by s.begins), max(s.ends) into v_begins, v_end
  from (
    select begins, lead(begins) over (order by local) as ends
    from generate_series(v_first, (p_to at time zone v_zone) + '1 day' + v_step, v_step) as local
    cross join lateral (select tocsin_internal.start_of_day(local, v_zone) as begins) as d
    where v_step >= interval '1 day'
    union all
    select absolute, absolute + v_step
    from generate_series(v_first_absolute, p_to, v_step) as absolute
    where v_step < interval '1 day'
  ) as s
  -- a day that a country left out has no length
  where s.begins < s.ends and s.ends > p_from and s.begins < p_to;

  return query
  with counted as materialized (
    select width_bucket(b.bucket_at, v_begins) as place, b.*
    from tocsin_internal.read_buckets(v_minutes, v_begins[1], v_end, p_project_id, p_workflow_id,
      p_source_id) as b
  ),
  summed as (
    select place, sum(c.success_count) as succeeded, sum(c.failed_count) as failed,
      sum(c.timed_out_count) as timed_out, sum(c.canceled_count) as canceled,
      sum(c.duration_count) as durations, sum(c.duration_ms_sum) as ms_sum,
      min(c.duration_ms_min) as ms_min, max(c.duration_ms_max) as ms_max
    from counted c group by place
  ),
  cumulated as (
    -- bin_value() written out: called, it would take longer than all the rest
    select place, case when bin <= 0 then 1 else 2 * 1.1::double precision ^ bin / 2.1 end as ms,
      sum(n) over (partition by place order by bin) as upto,
      sum(n) over (partition by place) as total
    from (
      select place, bin, sum(n::double precision) as n
      from (
        select place, unnest(c.duration_bins) as bin, unnest(c.duration_bin_counts) as n
        from counted c
      ) as there
      group by place, bin having sum(n) > 0
    ) as binned
  ),
  percentile as (
    select place, min(ms) filter (where upto * 2 >= total) as p50,
      min(ms) filter (where upto * 20 >= total * 19) as p95,
      min(ms) filter (where upto * 100 >= total * 99) as p99
    from cumulated group by place
  )
  select s.begins, coalesce(c.succeeded, 0)::bigint,
    coalesce(c.failed + c.timed_out, 0)::bigint, coalesce(c.timed_out, 0)::bigint,
    coalesce(c.canceled, 0)::bigint,
    (c.succeeded / nullif(c.succeeded + c.failed + c.timed_out, 0))::double precision,
    coalesce(c.durations, 0)::bigint, c.ms_sum / nullif(c.durations, 0), c.ms_min, c.ms_max,
    p.p50, p.p95, p.p99,
    case when v_minutes = 1440 and v_zone <> p_time_zone then interval '1 day' else v_step end
  from unnest(v_begins) with ordinality as s (begins, place)
  left join summed c on c.place = s.place
  left join percentile p on p.place = s.place
  order by s.begins;
end
$$;

comment on function tocsin.run_metrics_history(timestamptz, timestamptz, interval, text, text, text,
  text, timestamptz) is
  'How runs ended over time, gaps as zeros. p_bucket: whole minutes up to 12 hours that divide a '
  'day, 1 day, 7 days or 1 month; days begin in p_time_zone. resolution says the length that was '
  'possible: what is older than its buckets are kept comes in longer ones, days in UTC in the end. '
  'Raises TC017 and TC018.';

create function tocsin_internal.refuse_bad_range(
  p_from timestamptz, p_to timestamptz, p_bucket interval, p_time_zone text
) returns void
language plpgsql stable set search_path = ''
as $$
begin
  if p_from is null or p_to is null or p_from >= p_to
    or p_from < '1970-01-01 00:00:00+00' or p_to > '2200-01-01 00:00:00+00'
  then
    raise exception 'That is no range: from % to %', p_from, p_to using errcode = 'TC017',
      hint = 'Give p_from before p_to, both between 1970 and 2200.';
  end if;
  if (p_to - p_from) / 2000 > p_bucket then
    raise exception 'That are more than 2000 buckets of %', p_bucket using errcode = 'TC017',
      hint = 'Take longer buckets or a shorter range.';
  end if;
  -- asking pg_timezone_names would read every file of the zones
  perform p_from at time zone p_time_zone;
  if p_time_zone is null then
    raise invalid_parameter_value;
  end if;
exception when invalid_parameter_value then
  raise exception 'There is no time zone "%"', p_time_zone using errcode = 'TC018',
    hint = 'Use a name such as Europe/Berlin.';
end
$$;

comment on function tocsin_internal.refuse_bad_range(timestamptz, timestamptz, interval, text) is
  'Raises TC017 for a range that cannot be or has too many buckets, TC018 for an unknown zone.';

create function tocsin_internal.minutes_of_bucket(p_bucket interval) returns int
language plpgsql immutable set search_path = ''
as $$
begin
  -- 30 days compare equal to a month, and are none
  if p_bucket in (interval '1 day', interval '7 days')
    or (p_bucket = interval '1 month' and extract(month from p_bucket) = 1)
  then
    return 1440;
  elsif p_bucket between interval '1 minute' and interval '12 hours'
    and extract(epoch from p_bucket) % 60 = 0 and 86400 % extract(epoch from p_bucket) = 0
  then
    return extract(epoch from p_bucket) / 60;
  end if;
  raise exception 'There are no buckets of %', p_bucket using errcode = 'TC017',
    hint = 'Use whole minutes that divide a day (up to 12 hours), 1 day, 7 days or 1 month.';
end
$$;

comment on function tocsin_internal.minutes_of_bucket(interval) is
  'The minutes of a bucket of history; 1440 for days, weeks and months. Raises TC017 for others.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.run_metrics_history(timestamptz, timestamptz, interval, text, text,
  text, text, timestamptz) from public, anon;
grant execute on function tocsin.run_metrics_history(timestamptz, timestamptz, interval, text, text,
  text, text, timestamptz) to authenticated, service_role;
grant execute on function
  tocsin_internal.read_buckets(int, timestamptz, timestamptz, text, text, text),
  tocsin_internal.finest_minutes(timestamptz, int, timestamptz),
  tocsin_internal.start_of_day(timestamp, text),
  tocsin_internal.refuse_bad_range(timestamptz, timestamptz, interval, text),
  tocsin_internal.minutes_of_bucket(interval)
  to authenticated, service_role;
