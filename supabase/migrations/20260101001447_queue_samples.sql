-- What the kinds of queues are judged by: the last sample of each queue before an instant.
--
-- A queue that is dropped is over: its alerts resolve. Dead-letter queues are judged only by
-- settings that name them, since nobody is meant to read them in time. Where samples are not kept
-- any more, in a backtest, the hour that ended then stands for its samples, with its worst.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.queue_sample as (
  setting_id uuid,
  at timestamptz,
  kind tocsin.queue_kind,
  queue_name text,
  project_id text,
  found_at timestamptz,
  is_gone boolean,
  sample tocsin.queue_metrics
);
comment on type tocsin_internal.queue_sample is
  'What a setting sees of a queue at an instant: its last sample, or that it is gone.';

create function tocsin_internal.queues_of(p_settings tocsin.alert_settings[])
returns table (setting_id uuid, kind tocsin.queue_kind, queue_name text, project_id text)
language plpgsql stable set search_path = ''
as $$
begin
  return query
    select s.setting_id, q.kind, q.queue_name, q.project_id
    from unnest(p_settings) as s
    cross join lateral (
      select array(select tocsin_internal.like_pattern(e.pattern)
        from jsonb_array_elements_text(s.parameters -> 'queues') as e (pattern)) as patterns
    ) as p
    join tocsin.queues q on not q.is_ignored and q.found_at is not null
      and (s.project_id is null or q.project_id = s.project_id)
      and (s.workflow_id is null or q.queue_name = s.workflow_id)
      and (p.patterns = '{}' or q.queue_name like any (p.patterns))
    where s.workflow_id is not null or p.patterns <> '{}' or not exists (
      select from tocsin.queues o
      where o.kind = q.kind and o.dead_letter_queue = q.queue_name);
end
$$;

comment on function tocsin_internal.queues_of(tocsin.alert_settings[]) is
  'The queues that settings of queues are about.';

create function tocsin_internal.samples_of(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz
) returns setof tocsin_internal.queue_sample
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
declare
  v_kept_from constant timestamptz := p_now - tocsin_internal.kept_for('queue_metrics');
begin
  return query
    with asked as materialized (
      select * from tocsin_internal.queues_of(p_settings)
    ),
    -- once, whatever the number of settings that look at it
    sampled as materialized (
      select q.kind, q.queue_name, q.project_id, q.found_at, i.at,
        coalesce(q.dropped_at <= i.at, false) as is_gone, m.sample
      from tocsin.queues q
      cross join generate_series(p_from, p_to, p_step) as i (at)
      left join lateral (
        select m as sample from tocsin.queue_metrics m
        where m.kind = q.kind and m.queue_name = q.queue_name and m.sampled_at <= i.at
          and m.sampled_at > i.at - greatest(interval '2 minutes', 2 * q.sample_interval)
        order by m.sampled_at desc limit 1
      ) as m on i.at > v_kept_from
      where (q.kind, q.queue_name) in (select a.kind, a.queue_name from asked a)
    ),
    hourly as materialized (
      select q.kind, q.queue_name, q.project_id, q.found_at, i.at, row(h.kind, h.queue_name,
        h.project_id, i.at, h.seconds, h.worst_status, h.ready_count_max, h.delayed_count_max,
        h.in_flight_count_max, h.is_capped, h.oldest_age_seconds_max, h.enqueued_count,
        h.finished_count, h.failed_count, null, null, h.wait_p50_seconds, h.wait_p95_seconds,
        h.wait_p99_seconds, h.processing_p50_seconds, h.processing_p95_seconds,
        h.processing_p99_seconds, h.retry_share, null, h.poison_count_max,
        h.dead_letter_count_max, h.last_read_at, null)::tocsin.queue_metrics as sample
      from tocsin.queues q
      join tocsin.queue_hours h on h.kind = q.kind and h.queue_name = q.queue_name
        and h.hour_at >= p_from - interval '1 hour' and h.hour_at < p_to
      join generate_series(p_from, p_to, p_step) as i (at)
        on i.at = h.hour_at + interval '1 hour'
      where p_from <= v_kept_from and i.at <= v_kept_from
        and (q.kind, q.queue_name) in (select a.kind, a.queue_name from asked a)
    )
    select a.setting_id, s.at, s.kind, s.queue_name, s.project_id, s.found_at, s.is_gone, s.sample
    from asked a join sampled s on s.kind = a.kind and s.queue_name = a.queue_name
    where s.is_gone or (s.sample).sampled_at is not null
    union all
    select a.setting_id, h.at, h.kind, h.queue_name, h.project_id, h.found_at, false, h.sample
    from asked a join hourly h on h.kind = a.kind and h.queue_name = a.queue_name;
end
$$;

comment on function tocsin_internal.samples_of(tocsin.alert_settings[], timestamptz, timestamptz,
  interval, timestamptz) is
  'What settings of queues see at each step; no row where there is no sample.';

create function tocsin_internal.tell_left_queues(
  p_settings tocsin.alert_settings[], p_known tocsin_internal.evaluation[], p_at timestamptz
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = ''
as $$
begin
  return query
    select k.setting_id, k.source_id, k.project_id, k.workflow_id, p_at, 0::double precision,
      0::bigint, false, true, null::jsonb
    from unnest(p_known) as k
    where not exists (
      select from tocsin_internal.queues_of(p_settings) as q
      where q.setting_id = k.setting_id and q.kind::text = k.source_id
        and q.project_id = k.project_id and q.queue_name = k.workflow_id);
end
$$;

comment on function tocsin_internal.tell_left_queues(tocsin.alert_settings[],
  tocsin_internal.evaluation[], timestamptz) is
  'The queues that settings have alerts of and are not about any more: ignored, given to another '
  'project, not chosen, forgotten. They are clear.';

create function tocsin_internal.tell_queue(
  p_sample tocsin_internal.queue_sample, p_value double precision, p_count bigint,
  p_is_breached boolean, p_is_clear boolean, p_facts jsonb, p_threshold double precision
) returns tocsin_internal.evaluation
language sql immutable set search_path = ''
as $$
  select row(p_sample.setting_id, p_sample.kind::text, p_sample.project_id, p_sample.queue_name,
    p_sample.at, case when p_sample.is_gone then 0 else p_value end, p_count,
    coalesce(p_is_breached and not p_sample.is_gone, false),
    coalesce(p_is_clear or p_sample.is_gone, false),
    case when p_is_breached and not p_sample.is_gone then jsonb_build_object(
      'threshold', p_threshold, 'facts', coalesce((
        select jsonb_agg(f.fact order by f.place)
        from jsonb_array_elements(p_facts) with ordinality as f (fact, place)
        where f.fact ->> 'value' is not null), '[]')) end)::tocsin_internal.evaluation
$$;

comment on function tocsin_internal.tell_queue(tocsin_internal.queue_sample, double precision,
  bigint, boolean, boolean, jsonb, double precision) is
  'An evaluation of a queue: it stands as a workflow, of the source pgmq or pgboss. One that is '
  'gone is clear.';

revoke all on all functions in schema tocsin_internal from public;
