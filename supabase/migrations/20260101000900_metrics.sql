-- Metrics: what people read. Each figure is what is counted plus what is pending, in one statement,
-- so that it equals the table at any instant. Everything runs as the caller, under the caller's
-- RLS.
--
-- In all of it: failure_count has the timed-out runs in it, which timed_out_count also tells apart;
-- success_rate is successes among successes and failures, from 0 to 1, null when there are none;
-- durations are in milliseconds, percentiles at most 5 % off.
--
-- Errors: TC017 and TC018 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create view tocsin_internal.pending_outcomes with (security_invoker = true) as
select o.source_id, o.run_id, left(coalesce(o.project_id, ''), 200) as project_id,
  left(coalesce(o.workflow_id, ''), 200) as workflow_id, o.outcome, o.sign, o.started_at,
  o.finished_at, o.captured_at,
  case when isfinite(o.finished_at) and o.finished_at >= '2000-01-01 00:00:00+00'
    then least(o.finished_at, o.captured_at) else o.captured_at end as at
from (
  -- as roll_up() will take it in: what needs no settling, and what the rest comes to
  select o.* from tocsin_internal.run_outcomes o
  join tocsin_internal.counted_ranges c on c.source_id = o.source_id
  where o.outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
    and o.sign = 1 and o.signal is null and o.is_move is null
    and coalesce(o.finished_at, o.started_at) >= c.watched_since
    and coalesce(o.finished_at, o.started_at) <= o.captured_at + interval '1 hour'
  union all
  select (s.outcome).* from tocsin_internal.settle_outcomes(array(
    select o from tocsin_internal.run_outcomes o
    left join tocsin_internal.counted_ranges c on c.source_id = o.source_id
    where o.outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
      and not coalesce(o.sign = 1 and o.signal is null and o.is_move is null
        and coalesce(o.finished_at, o.started_at) >= c.watched_since
        and coalesce(o.finished_at, o.started_at) <= o.captured_at + interval '1 hour', false)
  )) as s
  where s.verdict = 'count' and (s.outcome).sign <> 0
) as o;

comment on view tocsin_internal.pending_outcomes is
  'Outcomes that are not rolled up yet, as roll_up() will count them.';
comment on column tocsin_internal.pending_outcomes.source_id is 'The run source.';
comment on column tocsin_internal.pending_outcomes.run_id is 'The run.';
comment on column tocsin_internal.pending_outcomes.project_id is 'The project; empty: none.';
comment on column tocsin_internal.pending_outcomes.workflow_id is 'The workflow; empty: none.';
comment on column tocsin_internal.pending_outcomes.outcome is
  'succeeded, failed, canceled or timed_out.';
comment on column tocsin_internal.pending_outcomes.sign is '1: came to it. -1: left it again.';
comment on column tocsin_internal.pending_outcomes.started_at is 'As its row says.';
comment on column tocsin_internal.pending_outcomes.finished_at is 'As its row says.';
comment on column tocsin_internal.pending_outcomes.captured_at is 'When the trigger saw it.';
comment on column tocsin_internal.pending_outcomes.at is 'When it counts.';

create view tocsin.workflow_run_metrics with (security_invoker = true) as
select source_id, project_id, workflow_id, m.success_count, m.failure_count, m.timed_out_count,
  m.canceled_count,
  m.success_count::double precision / nullif(m.success_count + m.failure_count, 0) as success_rate,
  greatest(t.last_updated, p.last_updated) as last_updated
from (
  select * from tocsin_internal.run_buckets where bucket_minutes = 0
) as t
full join (
  select source_id, project_id, workflow_id,
    sum(sign) filter (where outcome = 'succeeded') as success_count,
    sum(sign) filter (where outcome = 'failed') as failed_count,
    sum(sign) filter (where outcome = 'timed_out') as timed_out_count,
    sum(sign) filter (where outcome = 'canceled') as canceled_count,
    max(captured_at) as last_updated
  from tocsin_internal.pending_outcomes
  group by source_id, project_id, workflow_id
) as p using (source_id, project_id, workflow_id)
cross join lateral (
  select coalesce(t.success_count, 0) + coalesce(p.success_count, 0) as success_count,
    coalesce(t.failed_count + t.timed_out_count, 0) + coalesce(p.failed_count, 0)
      + coalesce(p.timed_out_count, 0) as failure_count,
    coalesce(t.timed_out_count, 0) + coalesce(p.timed_out_count, 0) as timed_out_count,
    coalesce(t.canceled_count, 0) + coalesce(p.canceled_count, 0) as canceled_count
) as m;

comment on view tocsin.workflow_run_metrics is
  'How the runs of each workflow ended, since it is counted. Exact at any instant.';
comment on column tocsin.workflow_run_metrics.source_id is 'The run source.';
comment on column tocsin.workflow_run_metrics.project_id is 'The project; empty: none.';
comment on column tocsin.workflow_run_metrics.workflow_id is 'The workflow; empty: none.';
comment on column tocsin.workflow_run_metrics.success_count is 'Runs that succeeded.';
comment on column tocsin.workflow_run_metrics.failure_count is 'Runs that failed or timed out.';
comment on column tocsin.workflow_run_metrics.timed_out_count is 'Of these, runs that timed out.';
comment on column tocsin.workflow_run_metrics.canceled_count is 'Runs that were canceled.';
comment on column tocsin.workflow_run_metrics.success_rate is
  'Successes among successes and failures, from 0 to 1; null: there were none.';
comment on column tocsin.workflow_run_metrics.last_updated is 'When a run last ended.';

create function tocsin_internal.pending_buckets(
  p_from timestamptz, p_to timestamptz, p_project_id text, p_workflow_id text, p_source_id text
) returns setof tocsin_internal.run_buckets
language sql stable set search_path = ''
as $$
  select 0, p.project_id, p.workflow_id, p.source_id, p.at,
    case p.outcome when 'succeeded' then p.sign else 0 end,
    case p.outcome when 'failed' then p.sign else 0 end,
    case p.outcome when 'timed_out' then p.sign else 0 end,
    case p.outcome when 'canceled' then p.sign else 0 end,
    case when d.ms is null then 0 else p.sign end, coalesce(d.ms * p.sign, 0),
    case p.sign when 1 then d.ms end, case p.sign when 1 then d.ms end,
    case when d.ms is null then '{}' else array[case when d.ms <= 1 then 0
      else least(ceil(ln(d.ms) / ln(1.1::double precision)), 400) end::smallint] end,
    case when d.ms is null then '{}' else array[p.sign::bigint] end, p.captured_at
  from tocsin_internal.pending_outcomes p
  cross join lateral (
    select case when isfinite(p.started_at) and p.started_at >= '2000-01-01 00:00:00+00'
        and p.finished_at >= '2000-01-01 00:00:00+00'
        and p.finished_at <= p.captured_at + interval '1 hour'
      then greatest(0, extract(epoch from p.finished_at - p.started_at) * 1000)::double precision
      end as ms
  ) as d
  where p.at >= p_from and p.at < p_to
    and (p_project_id is null or p.project_id = p_project_id)
    and (p_workflow_id is null or p.workflow_id = p_workflow_id)
    and (p_source_id is null or p.source_id = p_source_id)
$$;

comment on function tocsin_internal.pending_buckets(timestamptz, timestamptz, text, text, text) is
  'What is pending in a range, as buckets of one outcome each.';

create function tocsin_internal.finest_minutes(
  p_from timestamptz, p_wanted int, p_now timestamptz
) returns int
language sql stable set search_path = ''
as $$
  -- the longest that still divides what is wanted, among those that reach back far enough
  select coalesce(
    (select max(bucket_minutes) from tocsin_internal.granularities
     where bucket_minutes > 0 and p_wanted % bucket_minutes = 0
       and (kept_for is null or p_from >= p_now - kept_for)),
    (select min(bucket_minutes) from tocsin_internal.granularities
     where bucket_minutes > 0 and (kept_for is null or p_from >= p_now - kept_for)))
$$;

comment on function tocsin_internal.finest_minutes(timestamptz, int, timestamptz) is
  'Which length of bucket to read for a range that begins at p_from, to show p_wanted minutes '
  'each: '
  'one that fits, else the shortest that is still kept.';

create function tocsin_internal.start_of_day(p_day timestamp, p_time_zone text)
returns timestamptz
language sql stable set search_path = ''
as $$
  -- Where clocks are set back to midnight there are two, and Postgres takes the later; where they
  -- are set forward from it there is none, and it takes the instant of the change.
  select min(instant)
  from unnest(array['0', '30 minutes', '1 hour', '2 hours', '3 hours']::interval[]) as back
  cross join lateral (select (p_day at time zone p_time_zone) - back as instant) as i
  where back = '0' or instant at time zone p_time_zone = p_day
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
language plpgsql stable set search_path = ''
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

  return query
  with slot as (
    -- a calendar's slots are stepped in local time, since a day may have 23 hours or 25
    select * from (
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
    where begins < ends and ends > p_from and begins < p_to
  ),
  bound as (select min(begins) as low, max(ends) as high from slot),
  counted as materialized (
    select width_bucket(o.bucket_at, array(select begins from slot order by begins)) as place, o.*
    from (
      select b.* from bound join tocsin_internal.run_buckets b
        on b.bucket_minutes = v_minutes and b.bucket_at >= bound.low and b.bucket_at < bound.high
      where (p_project_id is null or b.project_id = p_project_id)
        and (p_workflow_id is null or b.workflow_id = p_workflow_id)
        and (p_source_id is null or b.source_id = p_source_id)
      union all
      select p.* from bound, tocsin_internal.pending_buckets(bound.low, bound.high, p_project_id,
        p_workflow_id, p_source_id) as p
    ) as o
  ),
  summed as (
    select place, sum(c.success_count) as succeeded, sum(c.failed_count) as failed,
      sum(c.timed_out_count) as timed_out, sum(c.canceled_count) as canceled,
      sum(c.duration_count) as durations, sum(c.duration_ms_sum) as ms_sum,
      min(c.duration_ms_min) as ms_min, max(c.duration_ms_max) as ms_max
    from counted c group by place
  ),
  cumulated as (
    select place, bin, sum(n) over (partition by place order by bin) as upto,
      sum(n) over (partition by place) as total
    from (
      select place, h.bin, sum(h.n) as n
      from counted c cross join lateral unnest(c.duration_bins, c.duration_bin_counts) as h (bin, n)
      group by place, h.bin having sum(h.n) > 0
    ) as binned
  ),
  percentile as (
    select place, min(bin) filter (where upto >= 0.5 * total) as p50,
      min(bin) filter (where upto >= 0.95 * total) as p95,
      min(bin) filter (where upto >= 0.99 * total) as p99
    from cumulated group by place
  )
  select s.begins, coalesce(c.succeeded, 0)::bigint,
    coalesce(c.failed + c.timed_out, 0)::bigint, coalesce(c.timed_out, 0)::bigint,
    coalesce(c.canceled, 0)::bigint,
    (c.succeeded / nullif(c.succeeded + c.failed + c.timed_out, 0))::double precision,
    coalesce(c.durations, 0)::bigint, c.ms_sum / nullif(c.durations, 0), c.ms_min, c.ms_max,
    tocsin_internal.bin_value(p.p50), tocsin_internal.bin_value(p.p95),
    tocsin_internal.bin_value(p.p99),
    case when v_minutes = 1440 and v_zone <> p_time_zone then interval '1 day' else v_step end
  from (
    select begins, row_number() over (order by begins) as place from slot
  ) as s
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
revoke all on tocsin_internal.pending_outcomes from public, anon, authenticated, service_role;
grant select on tocsin_internal.pending_outcomes to authenticated, service_role;
revoke all on tocsin.workflow_run_metrics from public, anon, authenticated, service_role;
grant select on tocsin.workflow_run_metrics to authenticated, service_role;
revoke all on function tocsin.run_metrics_history(timestamptz, timestamptz, interval, text, text,
  text, text, timestamptz) from public, anon;
grant execute on function tocsin.run_metrics_history(timestamptz, timestamptz, interval, text, text,
  text, text, timestamptz) to authenticated, service_role;
grant execute on function
  tocsin_internal.pending_buckets(timestamptz, timestamptz, text, text, text),
  tocsin_internal.finest_minutes(timestamptz, int, timestamptz),
  tocsin_internal.start_of_day(timestamp, text),
  tocsin_internal.bin_value(int),
  tocsin_internal.refuse_bad_range(timestamptz, timestamptz, interval, text),
  tocsin_internal.minutes_of_bucket(interval)
  to authenticated, service_role;
