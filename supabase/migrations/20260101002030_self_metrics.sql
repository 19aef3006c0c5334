-- Self metrics: how Tocsin itself fares, as figures: the heart's beats and what they cost, what
-- waits, how fast and how surely it tells, what its API answers, and what people changed.
--
-- A row a figure, so that a new one is a row and no column. tocsin-api tells them to scrapers too.
--
-- SECURITY DEFINER functions:
--   tocsin_internal.self_figures()  reads the machinery for operators and for SQL sessions; anybody
--                                   else who is signed in gets nothing

create function tocsin_internal.self_metric_kinds()
returns table (place int, metric text, unit text, description text)
language sql immutable set search_path = ''
as $$
  select k.* from (values
    (1, 'heart_age', 'seconds', 'Since the last beat of the heart began.'),
    (2, 'heart_on_time_30d', 'share',
     'Of the beats of 30 days, those that came in time. To be at least 0.999.'),
    (3, 'heart_beat_duration_1h', 'seconds', 'What a beat took on average within the hour.'),
    (4, 'stage_age', 'seconds', 'Since the stage last ran to its end.'),
    (5, 'stage_duration', 'seconds', 'How long its last run took.'),
    (6, 'stage_duration_24h', 'seconds', 'How long a run took on average within 24 hours.'),
    (7, 'stage_duration_max_24h', 'seconds', 'How long the longest run of 24 hours took.'),
    (8, 'stage_faults_24h', 'count', 'How often the stage failed within 24 hours.'),
    (9, 'backlog', 'count', 'What waits: outcomes, failures and reports for the heart; deliveries '
     'and forwardings that are due; and dead letters, for somebody.'),
    (10, 'backlog_age', 'seconds', 'For how long the oldest of them has been waiting.'),
    (11, 'detection_latency_24h', 'seconds', 'From a failure to its decision, of the last 10,000 '
     'within 24 hours: half (p50), 95 and 99 % were at least so fast.'),
    (12, 'delivery_latency_24h', 'seconds', 'From a decision to the arrival at its channel, of the '
     'last 10,000 within 24 hours.'),
    (13, 'delivery_success_24h', 'share', 'Of the deliveries decided within 24 hours that came to '
     'an end, those that arrived. To be at least 0.999.'),
    (14, 'api_requests_24h', 'count', 'Requests to tocsin-api within 24 hours.'),
    (15, 'api_errors_24h', 'count', 'Those that were answered with a status of 500 or more.'),
    (16, 'api_latency_24h', 'seconds', 'How long half, 95 and 99 % of them took at most.'),
    (17, 'configuration_changes_24h', 'count', 'Changes of what people set, within 24 hours.'),
    (18, 'heartbeat_age', 'seconds', 'Since the address outside last answered a ping.'),
    (19, 'troubles', 'count', 'What Tocsin finds wrong with itself now: tocsin.troubles.')
  ) as k (place, metric, unit, description)
$$;

comment on function tocsin_internal.self_metric_kinds() is
  'The figures of tocsin.self_metrics, with their units and meanings.';

create function tocsin_internal.measure_heart(p_now timestamptz)
returns table (metric text, of text, value double precision)
language sql stable set search_path = ''
as $$
  with last as materialized (
    select b.last_beat_at as at, tocsin_internal.late_beats(b.last_beat_at, p_now) as missing
    from tocsin_internal.beats b order by b.minute_at desc limit 1
  )
  select 'heart_age', '', extract(epoch from p_now - l.at) from last l
  union all
  -- what should have come since the last one counts already
  select 'heart_on_time_30d', '', sum(b.on_time_count)::double precision / nullif(
    sum(b.on_time_count + b.late_count) + (select missing from last), 0)
  from tocsin_internal.beats b
  where b.minute_at > p_now - interval '30 days'
  union all
  select 'heart_beat_duration_1h', '',
    sum(b.duration_ms) / 1000 / nullif(sum(b.on_time_count + (b.late_count > 0)::int), 0)
  from tocsin_internal.beats b where b.minute_at > p_now - interval '1 hour'
  union all
  select 'stage_age', name, extract(epoch from p_now - s.last_run_at)
  from unnest(tocsin_internal.stage_names()) as name
  left join tocsin_internal.stages s on s.stage = name
  union all
  select 'stage_duration', s.stage, s.last_duration_ms / 1000
  from tocsin_internal.stages s where s.stage = any (tocsin_internal.stage_names())
  union all
  select v.metric, h.stage, v.value / 1000
  from (
    select stage, sum(duration_ms_sum) / sum(run_count) as mean, max(duration_ms_max) as longest
    from tocsin_internal.stage_hours where hour_at > p_now - interval '24 hours' group by stage
  ) as h
  cross join lateral (values ('stage_duration_24h', h.mean),
    ('stage_duration_max_24h', h.longest)) as v (metric, value)
  union all
  select 'stage_faults_24h', name, (
    select count(*) from tocsin_internal.stage_faults f
    where f.stage = name and f.happened_at > p_now - interval '24 hours')
  from unnest(tocsin_internal.stage_names() || array['maintain']) as name
$$;

comment on function tocsin_internal.measure_heart(timestamptz) is
  'The figures of self_metrics about the heart and its stages.';

create function tocsin_internal.measure_queue(
  p_queue text, p_now timestamptz, out waiting bigint, out age double precision
)
language plpgsql stable set search_path = ''
as $$
begin
  -- a queue that is not there has nothing waiting: doctor() tells of it
  if to_regclass('pgmq.q_' || p_queue) is null then
    return;
  end if;
  execute format('select count(*), extract(epoch from $1 - min(enqueued_at)) from pgmq.%I',
    'q_' || p_queue) into waiting, age using p_now;
end
$$;

comment on function tocsin_internal.measure_queue(text, timestamptz) is
  'How many messages one of Tocsin''s own queues holds, and how old the oldest is in seconds.';

create function tocsin_internal.measure_backlog(p_now timestamptz)
returns table (metric text, of text, value double precision)
language sql stable set search_path = ''
as $$
  with backlog (of, waiting, age) as (
    select 'outcomes', count(*), extract(epoch from p_now - min(captured_at))
    from tocsin_internal.run_outcomes
    where outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
    union all
    select 'failures', q.waiting, q.age
    from tocsin_internal.measure_queue('tocsin_failures', p_now) as q
    union all
    -- a report has no time of its own but that of what it tells
    select 'reports', count(*), null from tocsin_internal.reported_errors
    union all
    select 'deliveries', count(*), extract(epoch from p_now - min(d.next_attempt_at))
    from tocsin.deliveries d join tocsin.alert_channels c using (channel_id)
    where d.state = 'pending' and d.next_attempt_at <= p_now and c.is_enabled
    union all
    select 'forwardings', count(*), extract(epoch from p_now - min(f.next_attempt_at))
    from tocsin.forwardings f where f.state = 'pending' and f.next_attempt_at <= p_now
    union all
    select 'dead failures', q.waiting, q.age
    from tocsin_internal.measure_queue('tocsin_failures_dlq', p_now) as q
    union all
    select 'dead deliveries', q.waiting, q.age
    from tocsin_internal.measure_queue('tocsin_deliveries_dlq', p_now) as q
  )
  select 'backlog', of, waiting from backlog
  union all
  select 'backlog_age', of, greatest(0, age) from backlog where waiting > 0 and age is not null
$$;

comment on function tocsin_internal.measure_backlog(timestamptz) is
  'The figures of self_metrics about what waits.';

create function tocsin_internal.measure_telling(p_now timestamptz)
returns table (metric text, of text, value double precision)
language sql stable set search_path = ''
as $$
  with decided as materialized (
    select extract(epoch from l.decided_at - l.event_at) as seconds from tocsin.alert_logs l
    where l.decided_at > p_now - interval '24 hours' and l.decided_at <= p_now
      and l.what = 'failure'
    order by l.decided_at desc limit 10000
  ),
  delivered as materialized (
    select extract(epoch from d.delivered_at - d.created_at) as seconds from tocsin.deliveries d
    where d.created_at > p_now - interval '24 hours' and d.created_at <= p_now
      and d.state = 'delivered'
    order by d.created_at desc limit 10000
  )
  select 'detection_latency_24h', s.name, (
    select percentile_cont(s.share) within group (order by greatest(0, d.seconds)) from decided d)
  from (values ('p50', 0.5), ('p95', 0.95), ('p99', 0.99)) as s (name, share)
  union all
  select 'delivery_latency_24h', s.name, (
    select percentile_cont(s.share) within group (order by d.seconds) from delivered d)
  from (values ('p50', 0.5), ('p95', 0.95), ('p99', 0.99)) as s (name, share)
  union all
  select 'delivery_success_24h', coalesce(d.channel_kind::text, ''),
    count(*) filter (where d.state = 'delivered') / nullif(count(*), 0)::double precision
  from tocsin.deliveries d
  where d.created_at > p_now - interval '24 hours' and d.created_at <= p_now
    and d.state in ('delivered', 'dead')
  group by rollup (d.channel_kind)
$$;

comment on function tocsin_internal.measure_telling(timestamptz) is
  'The figures of self_metrics about how fast and how surely it tells.';

create function tocsin_internal.measure_use(p_now timestamptz)
returns table (metric text, of text, value double precision)
language sql stable set search_path = ''
as $$
  with request as materialized (
    select * from tocsin_internal.api_requests
    where slot_at > p_now - interval '24 hours' and slot_at <= p_now
  )
  select 'api_requests_24h', route, sum(request_count) from request group by route
  union all
  select 'api_errors_24h', route, coalesce(sum(request_count) filter (where status_class = 5), 0)
  from request group by route
  union all
  select 'api_latency_24h', s.name, tocsin_internal.percentile_of_bins(h.bins, h.counts, s.share)
    / 1000
  from (
    select array_agg(b.bin::int) as bins, array_agg(b.n) as counts
    from request r cross join lateral unnest(r.bins, r.bin_counts) as b (bin, n)
  ) as h
  cross join (values ('p50', 0.5), ('p95', 0.95), ('p99', 0.99)) as s (name, share)
  union all
  select 'configuration_changes_24h', record, count(*)
  from tocsin.configuration_changes
  where changed_at > p_now - interval '24 hours' and changed_at <= p_now group by record
  union all
  select 'heartbeat_age', '', extract(epoch from p_now - s.ping_answered_at)
  from tocsin_internal.self_watch_state s
  union all
  select 'troubles', '', count(*) from tocsin.troubles where ended_at is null
$$;

comment on function tocsin_internal.measure_use(timestamptz) is
  'The figures of self_metrics about the API, what people change, and the self-watch.';

create function tocsin_internal.measure_itself(p_now timestamptz)
returns table (metric text, of text, value double precision, unit text, description text)
language plpgsql stable set search_path = '' set jit = off
as $$
begin
  return query
  select k.metric, m.of, m.value, k.unit, k.description
  from (
    select * from tocsin_internal.measure_heart(p_now)
    union all
    select * from tocsin_internal.measure_backlog(p_now)
    union all
    select * from tocsin_internal.measure_telling(p_now)
    union all
    select * from tocsin_internal.measure_use(p_now)
  ) as m
  join tocsin_internal.self_metric_kinds() as k on k.metric = m.metric
  where m.value is not null
  order by k.place, m.of;
end
$$;

comment on function tocsin_internal.measure_itself(timestamptz) is
  'How Tocsin fares, as figures. What cannot be told, for want of anything that happened, is left '
  'out.';

create function tocsin_internal.self_figures()
returns table (metric text, of text, value double precision, unit text, description text)
language plpgsql stable security definer set search_path = ''
as $$
begin
  if tocsin_internal.is_trusted() or tocsin_internal.is_operator() then
    return query select * from tocsin_internal.measure_itself(now());
  end if;
end
$$;

comment on function tocsin_internal.self_figures() is
  'measure_itself() for operators and for SQL sessions; nothing for anybody else.';

create view tocsin.self_metrics with (security_invoker = true) as
  select metric, of, value, unit, description from tocsin_internal.self_figures();

comment on view tocsin.self_metrics is
  'How Tocsin itself fares, a row a figure. For operators and in SQL; empty for anybody else. '
  'docs/reference/self-metrics.md';
comment on column tocsin.self_metrics.metric is 'The figure.';
comment on column tocsin.self_metrics.of is
  'Of what: a stage, a queue, a route, a percentile … Empty: of all.';
comment on column tocsin.self_metrics.value is 'Its value.';
comment on column tocsin.self_metrics.unit is 'seconds, count, or share (from 0 to 1).';
comment on column tocsin.self_metrics.description is 'What it means, and what it should be.';

revoke all on tocsin.self_metrics from public, anon, authenticated, service_role;
grant select on tocsin.self_metrics to authenticated;
revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.self_figures() to authenticated;
