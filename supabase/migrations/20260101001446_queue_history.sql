-- The history of queues: partitions of the samples, their hours, and the reader of both.
--
-- Samples are kept 7 days, in partitions of a day; their hours 90 days, in partitions of a week.
-- An hour is made of its samples once it is over; made again, it is the same.
--
-- Errors: TC093 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create table tocsin.queue_hours (
  kind tocsin.queue_kind not null,
  queue_name text not null,
  project_id text not null default '',
  hour_at timestamptz not null,
  sample_count bigint not null,
  seconds double precision not null,
  worst_status tocsin.queue_status,
  ready_count_avg double precision,
  ready_count_max bigint,
  in_flight_count_max bigint,
  delayed_count_max bigint,
  is_capped boolean not null,
  oldest_age_seconds_max double precision,
  enqueued_count bigint,
  finished_count bigint,
  failed_count bigint,
  wait_p50_seconds double precision,
  wait_p95_seconds double precision,
  wait_p99_seconds double precision,
  processing_p50_seconds double precision,
  processing_p95_seconds double precision,
  processing_p99_seconds double precision,
  retry_share double precision,
  poison_count_max bigint,
  dead_letter_count_max bigint,
  last_read_at timestamptz,
  primary key (kind, queue_name, project_id, hour_at)
) partition by range (hour_at);

create index queue_hours_hour_at_idx on tocsin.queue_hours (hour_at);

comment on table tocsin.queue_hours is
  'The samples of queues by the hour, kept 90 days. Written by maintain().';
comment on column tocsin.queue_hours.kind is 'What keeps the queue: pgmq or pgboss.';
comment on column tocsin.queue_hours.queue_name is 'The queue.';
comment on column tocsin.queue_hours.project_id is 'Its project then; empty: none.';
comment on column tocsin.queue_hours.hour_at is 'When the hour began.';
comment on column tocsin.queue_hours.sample_count is 'Of how many samples it is made.';
comment on column tocsin.queue_hours.seconds is 'The time that the counts are of.';
comment on column tocsin.queue_hours.worst_status is 'The worst status of the hour.';
comment on column tocsin.queue_hours.ready_count_avg is 'Ready messages, on average over the time.';
comment on column tocsin.queue_hours.ready_count_max is 'The most ready messages.';
comment on column tocsin.queue_hours.in_flight_count_max is 'The most messages in flight.';
comment on column tocsin.queue_hours.delayed_count_max is 'The most delayed messages.';
comment on column tocsin.queue_hours.is_capped is 'Whether a count stopped at 10,000.';
comment on column tocsin.queue_hours.oldest_age_seconds_max is
  'The longest that a ready message was seen to wait.';
comment on column tocsin.queue_hours.enqueued_count is 'Messages that came in.';
comment on column tocsin.queue_hours.finished_count is 'Messages that were finished.';
comment on column tocsin.queue_hours.failed_count is 'Messages that failed for good.';
comment on column tocsin.queue_hours.wait_p50_seconds is 'The mean of the samples'' medians.';
comment on column tocsin.queue_hours.wait_p95_seconds is 'The highest of the samples'' own.';
comment on column tocsin.queue_hours.wait_p99_seconds is 'The highest of the samples'' own.';
comment on column tocsin.queue_hours.processing_p50_seconds is
  'The mean of the samples'' medians.';
comment on column tocsin.queue_hours.processing_p95_seconds is 'The highest of the samples'' own.';
comment on column tocsin.queue_hours.processing_p99_seconds is 'The highest of the samples'' own.';
comment on column tocsin.queue_hours.retry_share is 'The mean of the samples'' own.';
comment on column tocsin.queue_hours.poison_count_max is 'The most poison messages.';
comment on column tocsin.queue_hours.dead_letter_count_max is 'The most dead letters.';
comment on column tocsin.queue_hours.last_read_at is 'The last sign of a consumer.';

alter table tocsin.queue_hours enable row level security;
create policy members_see_their_projects_hours on tocsin.queue_hours
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );

insert into tocsin.retention (record, keep_for, description) values
  ('queue_metrics', '7 days', 'Samples of queues.'),
  ('queue_hours', '90 days', 'Samples of queues by the hour.');

-- Upkeep ------------------------------------------------------------------------------------------

create function tocsin_internal.make_queue_partitions(
  p_now timestamptz default clock_timestamp(), p_limit int default 8
) returns bigint
language plpgsql set search_path = ''
as $$
begin
  perform tocsin_internal.make_partitions('tocsin.queue_metrics', 'sampled_at', 1, p_now, p_limit);
  perform tocsin_internal.make_partitions('tocsin.queue_hours', 'hour_at', 7, p_now, p_limit);
  return 0;
end
$$;

comment on function tocsin_internal.make_queue_partitions(timestamptz, int) is
  'Makes the partitions of queue_metrics and queue_hours for the week to come. A step of '
  'maintain().';

create function tocsin_internal.sum_queue_hours(p_from timestamptz, p_to timestamptz)
returns setof tocsin.queue_hours
language plpgsql stable set search_path = ''
as $$
begin
  return query
    select m.kind, m.queue_name, m.project_id, date_trunc('hour', m.sampled_at, 'UTC'), count(*),
      coalesce(sum(m.interval_seconds), 0), max(m.status),
      coalesce(sum(m.ready_count * m.interval_seconds)
        / nullif(sum(m.interval_seconds) filter (where m.ready_count is not null), 0),
        avg(m.ready_count)::double precision),
      max(m.ready_count), max(m.in_flight_count), max(m.delayed_count), bool_or(m.is_capped),
      max(m.oldest_age_seconds), sum(m.enqueued_count)::bigint, sum(m.finished_count)::bigint,
      sum(m.failed_count)::bigint, avg(m.wait_p50_seconds), max(m.wait_p95_seconds),
      max(m.wait_p99_seconds), avg(m.processing_p50_seconds), max(m.processing_p95_seconds),
      max(m.processing_p99_seconds), avg(m.retry_share), max(m.poison_count),
      max(m.dead_letter_count), max(m.last_read_at)
    from tocsin.queue_metrics m
    where m.sampled_at >= p_from and m.sampled_at < p_to
    group by 1, 2, 3, 4;
end
$$;

comment on function tocsin_internal.sum_queue_hours(timestamptz, timestamptz) is
  'The samples of a range by the hour.';

create function tocsin_internal.sum_queues(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_until constant timestamptz := date_trunc('hour', p_now, 'UTC');
  v_from timestamptz;
begin
  -- from the last hour that there is, which is made again; at first from the first sample
  select coalesce(max(h.hour_at),
    (select date_trunc('hour', min(m.sampled_at), 'UTC') from tocsin.queue_metrics m))
  into v_from from tocsin.queue_hours h where h.hour_at < v_until;
  if v_from is null or v_from >= v_until then
    return 0;
  end if;
  delete from tocsin.queue_hours where hour_at >= v_from and hour_at < v_until;
  insert into tocsin.queue_hours select * from tocsin_internal.sum_queue_hours(v_from, v_until);
  return 0;
end
$$;

comment on function tocsin_internal.sum_queues(timestamptz, int) is
  'Makes the hours that are over of their samples. A step of maintain().';

create function tocsin_internal.prune_queues(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_until constant timestamptz := p_now - tocsin_internal.kept_for('queue_metrics');
  v_hours_until constant timestamptz := p_now - tocsin_internal.kept_for('queue_hours');
  v_count bigint;
  v_more bigint;
begin
  perform tocsin_internal.drop_partitions('tocsin.queue_metrics', 1, v_until, p_now);
  perform tocsin_internal.drop_partitions('tocsin.queue_hours', 7, v_hours_until, p_now);
  delete from tocsin_internal.queue_metrics_default where ctid = any (array(
    select ctid from tocsin_internal.queue_metrics_default
    where sampled_at < v_until limit p_limit));
  get diagnostics v_count = row_count;
  delete from tocsin_internal.queue_hours_default where ctid = any (array(
    select ctid from tocsin_internal.queue_hours_default
    where hour_at < v_hours_until limit p_limit));
  get diagnostics v_more = row_count;
  return greatest(v_count, v_more);
end
$$;

comment on function tocsin_internal.prune_queues(timestamptz, int) is
  'Drops the samples and hours of queues that tocsin.retention no longer keeps. A step of '
  'maintain().';

select tocsin_internal.make_default_partition('tocsin.queue_metrics');
select tocsin_internal.make_default_partition('tocsin.queue_hours');
select tocsin_internal.make_queue_partitions();

-- Reading -----------------------------------------------------------------------------------------

create function tocsin.queue_metrics_history(
  p_from timestamptz, p_to timestamptz, p_bucket interval default null,
  p_queue_name text default null, p_kind text default null, p_project_id text default null,
  p_now timestamptz default clock_timestamp()
) returns table (kind tocsin.queue_kind, queue_name text, project_id text, bucket_at timestamptz,
  ready_count_avg double precision, ready_count_max bigint, in_flight_count_max bigint,
  delayed_count_max bigint, is_capped boolean, oldest_age_seconds_max double precision,
  enqueued_count bigint, finished_count bigint, failed_count bigint,
  enqueued_per_second double precision, finished_per_second double precision,
  wait_p50_seconds double precision, wait_p95_seconds double precision,
  wait_p99_seconds double precision, processing_p50_seconds double precision,
  processing_p95_seconds double precision, processing_p99_seconds double precision,
  retry_share double precision, error_rate double precision, poison_count_max bigint,
  dead_letter_count_max bigint, worst_status tocsin.queue_status, sample_count bigint)
language plpgsql stable set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  v_bucket interval := p_bucket;
  v_kept_from constant timestamptz := p_now - tocsin_internal.kept_for('queue_metrics');
  v_by_hour boolean;
begin
  if p_from is null or p_to is null or p_from >= p_to or p_to - p_from > interval '400 days' then
    raise exception 'That is no range: from % to %', p_from, p_to using errcode = 'TC093',
      hint = 'Give p_from before p_to, 400 days at most.';
  elsif p_bucket < interval '10 seconds' or p_bucket > interval '31 days'
    or (p_to - p_from) / 5000 > p_bucket or p_bucket >= interval '1 month' and p_bucket
      <> make_interval(days => extract(day from p_bucket)::int)
  then
    raise exception 'There are no buckets of % for that range', p_bucket using errcode = 'TC093',
      hint = 'Take 10 seconds to 31 days, and no more than 5,000 of them.';
  end if;
  if v_bucket is null then
    select b into v_bucket from unnest(array['10 seconds', '30 seconds', '1 minute', '5 minutes',
      '15 minutes', '1 hour', '6 hours', '1 day', '7 days']::interval[]) as b
    where (p_to - p_from) / 240 <= b
      -- the samples of all queues are many
      and (p_queue_name is not null or p_to - p_from <= interval '6 hours' or b >= '1 hour')
    order by b limit 1;
    v_bucket := coalesce(v_bucket, '7 days');
  end if;
  v_by_hour := p_from < v_kept_from or extract(epoch from v_bucket) % 3600 = 0;
  if v_by_hour then
    -- whole hours, the next longer ones
    v_bucket := make_interval(hours => ceil(extract(epoch from v_bucket) / 3600)::int);
  end if;

  return query
    with part as (
      -- by the hour as far back as samples are not kept, and all of it when hours are asked for
      select h.* from tocsin.queue_hours h
      where v_by_hour and h.hour_at >= date_bin('1 hour', p_from, '2000-01-01Z')
        and h.hour_at < p_to
        and (p_queue_name is null or h.queue_name = p_queue_name)
        and (p_kind is null or h.kind::text = p_kind)
        and (p_project_id is null or h.project_id = p_project_id)
      union all
      -- the hours that are not made yet
      select n.* from tocsin_internal.sum_queue_hours(
        greatest(p_from, coalesce((select max(hour_at) + interval '1 hour'
          from tocsin.queue_hours), '-infinity')), p_to) as n
      where v_by_hour and (p_queue_name is null or n.queue_name = p_queue_name)
        and (p_kind is null or n.kind::text = p_kind)
        and (p_project_id is null or n.project_id = p_project_id)
      union all
      select m.kind, m.queue_name, m.project_id, m.sampled_at, 1, m.interval_seconds, m.status,
        m.ready_count, m.ready_count, m.in_flight_count, m.delayed_count, m.is_capped,
        m.oldest_age_seconds, m.enqueued_count, m.finished_count, m.failed_count,
        m.wait_p50_seconds, m.wait_p95_seconds, m.wait_p99_seconds, m.processing_p50_seconds,
        m.processing_p95_seconds, m.processing_p99_seconds, m.retry_share, m.poison_count,
        m.dead_letter_count, m.last_read_at
      from tocsin.queue_metrics m
      where not v_by_hour and m.sampled_at >= p_from and m.sampled_at < p_to
        and (p_queue_name is null or m.queue_name = p_queue_name)
        and (p_kind is null or m.kind::text = p_kind)
        and (p_project_id is null or m.project_id = p_project_id)
    )
    select p.kind, p.queue_name, p.project_id, date_bin(v_bucket, p.hour_at, '2000-01-01Z'),
      coalesce(sum(p.ready_count_avg * p.seconds) / nullif(sum(p.seconds)
        filter (where p.ready_count_avg is not null), 0), avg(p.ready_count_avg)),
      max(p.ready_count_max), max(p.in_flight_count_max), max(p.delayed_count_max),
      bool_or(p.is_capped), max(p.oldest_age_seconds_max), sum(p.enqueued_count)::bigint,
      sum(p.finished_count)::bigint, sum(p.failed_count)::bigint,
      sum(p.enqueued_count) / nullif(sum(p.seconds)
        filter (where p.enqueued_count is not null), 0),
      sum(p.finished_count) / nullif(sum(p.seconds)
        filter (where p.finished_count is not null), 0),
      avg(p.wait_p50_seconds), max(p.wait_p95_seconds), max(p.wait_p99_seconds),
      avg(p.processing_p50_seconds), max(p.processing_p95_seconds),
      max(p.processing_p99_seconds), avg(p.retry_share),
      sum(p.failed_count) / nullif(greatest(sum(p.failed_count), sum(p.finished_count)
        filter (where p.failed_count is not null))::double precision, 0),
      max(p.poison_count_max), max(p.dead_letter_count_max), max(p.worst_status),
      sum(p.sample_count)::bigint
    from part p
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4;
end
$$;

comment on function tocsin.queue_metrics_history(timestamptz, timestamptz, interval, text, text,
  text, timestamptz) is
  'The samples of queues in buckets: p_bucket, or up to 240 of them; whole hours where the range '
  'begins before the samples that are kept, and of all queues over more than 6 hours. Buckets of '
  'hours begin with the hour of p_from. One without a sample has no row. Raises TC093.';

revoke all on tocsin.queue_hours from public, anon, authenticated, service_role;
grant select on tocsin.queue_hours to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.queue_metrics_history(timestamptz, timestamptz, interval, text, text,
  text, timestamptz) from public, anon;
grant execute on function tocsin.queue_metrics_history(timestamptz, timestamptz, interval, text,
  text, text, timestamptz) to authenticated, service_role;
grant execute on function tocsin_internal.sum_queue_hours(timestamptz, timestamptz),
  tocsin_internal.kept_for(text) to authenticated, service_role;
