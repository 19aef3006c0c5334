-- Error rates: how many errors over time, and pages of errors and of groups. Everything runs as its
-- caller, under the caller's RLS. Answers of the API are one JSON value each, since the Data API
-- cuts rows at max_rows without a word; a page begins after a row, not after a number of rows.
--
-- Errors: TC017, TC018, TC019 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.time_slots(
  p_from timestamptz, p_to timestamptz, p_step interval, p_time_zone text
) returns table (begins timestamptz, ends timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
  if p_step >= interval '1 day' then
    -- in local time, since a day may have 23 hours or 25
    return query
      select local at time zone p_time_zone, (local + p_step) at time zone p_time_zone
      from generate_series(
        date_trunc(case p_step when interval '1 month' then 'month' when interval '7 days'
          then 'week' else 'day' end, p_from at time zone p_time_zone),
        p_to at time zone p_time_zone, p_step) as local
      where local at time zone p_time_zone < p_to;
  else
    return query
      select at, at + p_step
      from generate_series(date_bin(p_step, p_from,
        date_trunc('day', p_from at time zone p_time_zone) at time zone p_time_zone), p_to, p_step)
        as at
      where at < p_to;
  end if;
end
$$;

comment on function tocsin_internal.time_slots(timestamptz, timestamptz, interval, text) is
  'The spans of a length that touch a range, in the days of a time zone.';

create function tocsin.error_rate_history(
  p_from timestamptz, p_to timestamptz, p_bucket interval default '1 hour',
  p_project_id text default null, p_workflow_id text default null, p_source text default null,
  p_error_type text default null, p_severity text default null, p_group_id uuid default null,
  p_time_zone text default 'UTC', p_now timestamptz default clock_timestamp()
) returns table (bucket_at timestamptz, error_count bigint, low_count bigint, medium_count bigint,
  high_count bigint, errors_per_minute double precision, resolution interval)
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_wanted constant int := tocsin_internal.minutes_of_bucket(p_bucket);
  v_minutes int;
  v_step interval := p_bucket;
  v_group tocsin.error_groups;
begin
  perform tocsin_internal.refuse_bad_range(p_from, p_to, p_bucket, p_time_zone);
  if p_group_id is not null then
    select * into v_group from tocsin.error_groups g where g.group_id = p_group_id;
    v_minutes := 60;
  elsif v_wanted % 15 = 0 or p_from < p_now - interval '47 hours' then
    v_minutes := 15;
  else
    v_minutes := 1;
  end if;
  -- what was kept coarser cannot be told finer
  if v_wanted % v_minutes <> 0 then
    v_step := make_interval(mins => v_minutes);
  end if;
  if (p_to - p_from) / 2000 > v_step then
    perform tocsin_internal.refuse_bad_range(p_from, p_to, v_step, p_time_zone);
  end if;

  return query
  with slot as (
    select * from tocsin_internal.time_slots(p_from, p_to, v_step, p_time_zone)
  ),
  bound as (select min(begins) as low, max(ends) as high from slot),
  counted as (
    select b.bucket, b.severity, sum(b.event_count) as n
    from bound join tocsin_internal.error_buckets b
      on b.minutes = v_minutes and b.bucket >= bound.low and b.bucket < bound.high
    where p_group_id is null
      and (p_project_id is null or b.project_id = p_project_id)
      and (p_workflow_id is null or b.workflow_id = p_workflow_id)
      and (p_source is null or b.source::text = p_source)
      and (p_error_type is null or b.error_type::text = p_error_type)
      and (p_severity is null or b.severity::text = p_severity)
    group by 1, 2
    union all
    select h.hour, v_group.severity, h.event_count
    from bound join tocsin.error_group_hours h on h.hour >= bound.low and h.hour < bound.high
    where p_group_id is not null and h.project_id = v_group.project_id
      and h.fingerprint = v_group.fingerprint
  )
  select s.begins, coalesce(sum(c.n), 0)::bigint,
    coalesce(sum(c.n) filter (where c.severity = 'low'), 0)::bigint,
    coalesce(sum(c.n) filter (where c.severity = 'medium'), 0)::bigint,
    coalesce(sum(c.n) filter (where c.severity = 'high'), 0)::bigint,
    (coalesce(sum(c.n), 0) * 60
      / greatest(extract(epoch from least(s.ends, p_now) - s.begins), 60))::double precision,
    v_step
  from slot s
  left join counted c on c.bucket >= s.begins and c.bucket < s.ends
  group by s.begins, s.ends
  order by s.begins;
end
$$;

comment on function tocsin.error_rate_history(timestamptz, timestamptz, interval, text, text, text,
  text, text, uuid, text, timestamptz) is
  'Errors over time: one row for each bucket, also where there were none. Buckets are of whole '
  'minutes that divide a day, 1 day, 7 days or 1 month, in the days of p_time_zone; minutes are '
  'kept for two days, quarters of an hour for 180, hours of a group for 90, and resolution says '
  'what was used. errors_per_minute of a bucket that is not over is of what has passed of it. As '
  'the caller, under RLS. Raises TC017 and TC018.';

create function tocsin.page_errors(
  p_from timestamptz, p_to timestamptz, p_source text default null, p_error_type text default null,
  p_severity text default null, p_project_id text default null, p_workflow_id text default null,
  p_group_id uuid default null, p_text text default null, p_run_id text default null,
  p_limit int default 50, p_after_timestamp timestamptz default null,
  p_after_error_id uuid default null
) returns json
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_page json;
begin
  perform tocsin_internal.refuse_bad_range(p_from, p_to, p_to - p_from, 'UTC');
  -- planned with its values: what is not asked for costs nothing
  execute $query$
    select coalesce(json_agg(json_build_object('error_id', e.error_id, 'timestamp', e.timestamp,
      'source', e.source, 'error_type', e.error_type, 'severity', e.severity,
      'project_id', e.project_id, 'workflow_id', e.workflow_id, 'workflow_name', e.workflow_name,
      'source_id', e.source_id, 'run_id', e.run_id, 'node', e.node, 'attempt', e.attempt,
      'user_id', e.user_id, 'component', e.component, 'environment', e.environment,
      'release', e.release, 'exception', e.exception, 'sqlstate', e.sqlstate,
      'http_status', e.http_status, 'message', e.message, 'stack', e.stack,
      'metadata', e.metadata, 'origin', e.origin, 'group_id', g.group_id,
      'fingerprint', e.fingerprint, 'classified_by', e.classified_by, 'is_new', e.is_new,
      'is_regression', e.is_regression, 'is_sampled_out', e.is_sampled_out)
      order by e.timestamp desc, e.error_id desc), '[]')
    from (
      select e.* from tocsin.error_metrics e
      where e.timestamp >= $1 and e.timestamp < $2
        -- an event is never later than its arrival: partitions before the range are left out
        and e.ingested_at >= $1
        and ($3 is null or e.source = $3::tocsin.error_source)
        and ($4 is null or e.error_type = $4::tocsin.error_type)
        and ($5 is null or e.severity = $5::tocsin.severity)
        and ($6 is null or e.project_id = $6)
        and ($7 is null or e.workflow_id = $7)
        and ($8 is null or (e.project_id, e.fingerprint) = (
          select g.project_id, g.fingerprint from tocsin.error_groups g where g.group_id = $8))
        and ($9 is null or strpos(lower(e.message), lower($9)) > 0)
        and ($10 is null or e.run_id = $10)
        and ($12 is null or (e.timestamp, e.error_id) < ($12, $13))
      order by e.timestamp desc, e.error_id desc
      limit $11
    ) as e
    left join tocsin.error_groups g
      on g.project_id = e.project_id and g.fingerprint = e.fingerprint
  $query$
  into v_page
  using p_from, p_to, p_source, p_error_type, p_severity, p_project_id, p_workflow_id, p_group_id,
    p_text, p_run_id, greatest(1, least(p_limit, 500)), p_after_timestamp, p_after_error_id;

  return json_build_object('errors', v_page, 'after', case
    when json_array_length(v_page) >= greatest(1, least(p_limit, 500)) then (
      select json_build_object('timestamp', last -> 'timestamp', 'error_id', last -> 'error_id')
      from (select v_page -> -1) as l (last)) end);
exception when invalid_text_representation then
  raise exception 'There is no such source, type or severity: %, %, %', p_source, p_error_type,
    p_severity using errcode = 'TC017', hint = 'source is worker, webhook or system; type is '
      'one of tocsin.error_type; severity is low, medium or high.';
end
$$;

comment on function tocsin.page_errors(timestamptz, timestamptz, text, text, text, text, text, uuid,
  text, text, int, timestamptz, uuid) is
  'Errors of a range, newest first, at most 500: {errors, after}. after is what to pass as '
  'p_after_timestamp and p_after_error_id for the next page; null: there is none. p_text is '
  'searched for in messages, whatever its case. As the caller, under RLS. Raises TC017.';

create function tocsin.page_error_groups(
  p_project_id text default null, p_status text default null, p_source text default null,
  p_error_type text default null, p_severity text default null, p_text text default null,
  p_sort text default 'last_seen_at', p_limit int default 50,
  p_after_value double precision default null, p_after_group_id uuid default null,
  p_now timestamptz default clock_timestamp()
) returns json
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_page json;
  v_hour constant timestamptz := date_trunc('hour', p_now, 'UTC');
begin
  if p_sort <> all (array['last_seen_at', 'first_seen_at', 'event_count', 'user_count',
    'run_count'])
  then
    raise exception 'Groups cannot be sorted by "%"', p_sort using errcode = 'TC019',
      hint = 'Sort by last_seen_at, first_seen_at, event_count, user_count or run_count.';
  end if;

  execute format($query$
    select coalesce(json_agg(to_jsonb(g) - array['spike_minute', 'spike_count',
        'rate_window_began_at', 'rate_window_count', 'value']
      || jsonb_build_object('value', g.value, 'last_24_hours', (
        select jsonb_agg(coalesce(h.event_count, 0) order by s.hour)
        from generate_series($6 - interval '23 hours', $6, interval '1 hour') as s (hour)
        left join tocsin.error_group_hours h on h.project_id = g.project_id
          and h.fingerprint = g.fingerprint and h.hour = s.hour))
      order by g.value desc, g.group_id desc), '[]')
    from (
      select g.*, %1$s::double precision as value from tocsin.error_groups g
      where ($1 is null or g.project_id = $1)
        and ($2 is null or g.status::text = $2)
        and ($3 is null or g.source::text = $3)
        and ($4 is null or g.error_type::text = $4)
        and ($5 is null or g.severity::text = $5)
        and ($7 is null or strpos(lower(g.title), lower($7)) > 0)
        and ($9 is null or (%1$s::double precision, g.group_id) < ($9, $10))
      order by g.%2$I desc, g.group_id desc limit $8
    ) as g
  $query$, case when p_sort like '%_at' then format('extract(epoch from g.%I)', p_sort)
    else 'g.' || p_sort end, p_sort)
  into v_page
  using p_project_id, p_status, p_source, p_error_type, p_severity, v_hour, p_text,
    greatest(1, least(p_limit, 200)), p_after_value, p_after_group_id;

  return json_build_object('groups', v_page, 'after', case
    when json_array_length(v_page) >= greatest(1, least(p_limit, 200)) then (
      select json_build_object('value', last -> 'value', 'group_id', last -> 'group_id')
      from (select v_page -> -1) as l (last)) end);
end
$$;

comment on function tocsin.page_error_groups(text, text, text, text, text, text, text, int,
  double precision, uuid, timestamptz) is
  'Error groups, at most 200, the highest by p_sort first: {groups, after}. Each group has its '
  'columns of tocsin.error_groups and last_24_hours: 24 counts, the running hour last. after is '
  'what to pass as p_after_value and p_after_group_id. As the caller, under RLS. Raises TC019.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.time_slots(timestamptz, timestamptz, interval, text)
  to authenticated, service_role;
revoke all on function tocsin.error_rate_history(timestamptz, timestamptz, interval, text, text,
    text, text, text, uuid, text, timestamptz),
  tocsin.page_errors(timestamptz, timestamptz, text, text, text, text, text, uuid, text, text, int,
    timestamptz, uuid),
  tocsin.page_error_groups(text, text, text, text, text, text, text, int, double precision, uuid,
    timestamptz) from public, anon;
grant execute on function tocsin.error_rate_history(timestamptz, timestamptz, interval, text, text,
    text, text, text, uuid, text, timestamptz),
  tocsin.page_errors(timestamptz, timestamptz, text, text, text, text, text, uuid, text, text, int,
    timestamptz, uuid),
  tocsin.page_error_groups(text, text, text, text, text, text, text, int, double precision, uuid,
    timestamptz) to authenticated, service_role;
