-- Kinds of alert about queues: queue_length, queue_age, queue_processing_time, queue_dead_letters,
-- queue_stalled and queue_error_rate.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('queue_length', 'measure', 'Queue length',
   'More messages wait in a queue than a limit. Those that are not due yet do not count.',
   'evaluate_queue_figures', 'messages',
   'Queue {{target}} has {{value}} waiting (limit {{threshold}})',
   'Queue {{target}} is back to {{value}} waiting (limit {{threshold}})', false, $json$[
    {"name": "threshold", "type": "integer", "default": 1000, "min": 0, "max": 10000,
     "unit": "messages", "description": "Fires at more ready messages than this."},
    {"name": "resolve_threshold", "type": "integer", "default": null, "min": 0, "max": 10000,
     "unit": "messages",
     "description": "Resolves when there are no more than this; null: the threshold."},
    {"name": "count_in_flight", "type": "boolean", "default": false,
     "description": "Whether messages that a consumer works on count as well."},
    {"name": "queues", "type": "texts", "default": [],
     "description": "Only these queues, where * stands for any text; none: all but dead letters."}
   ]$json$),
  ('queue_age', 'measure', 'Age of a queue',
   'The oldest ready message of a queue waits for longer than a limit.',
   'evaluate_queue_figures', 's',
   'The oldest message of queue {{target}} has waited for {{value}} (limit {{threshold}} s)',
   'Queue {{target}} keeps up again: the oldest message has waited for {{value}}', false, $json$[
    {"name": "threshold", "type": "number", "default": 300, "min": 1, "max": 2678400,
     "unit": "s", "description": "Fires when it waits for longer than this."},
    {"name": "resolve_threshold", "type": "number", "default": null, "min": 0, "max": 2678400,
     "unit": "s",
     "description": "Resolves when it waits no longer than this; null: the threshold."},
    {"name": "queues", "type": "texts", "default": [],
     "description": "Only these queues, where * stands for any text; none: all but dead letters."}
   ]$json$),
  ('queue_processing_time', 'measure', 'Processing time of a queue',
   'Messages of a queue take longer than a limit, in their processing or until they are read.',
   'evaluate_queue_figures', 's',
   'Queue {{target}}: {{percentile}} of the {{of}} time is {{value}} (limit {{threshold}} s)',
   'Queue {{target}}: {{percentile}} of the {{of}} time is back to {{value}}', false, $json$[
    {"name": "threshold", "type": "number", "default": 60, "min": 0.001, "max": 2678400,
     "unit": "s", "description": "Fires when it is longer than this."},
    {"name": "resolve_threshold", "type": "number", "default": null, "min": 0, "max": 2678400,
     "unit": "s", "description": "Resolves when it is no longer than this; null: the threshold."},
    {"name": "percentile", "type": "choice", "default": "p95", "choices": ["p50", "p95", "p99"],
     "description": "Which part of the messages may be no longer: half, 95 % or 99 %."},
    {"name": "of", "type": "choice", "default": "processing", "choices": ["processing", "wait"],
     "description": "From the read to the end, or from coming in to the read."},
    {"name": "queues", "type": "texts", "default": [],
     "description": "Only these queues, where * stands for any text; none: all but dead letters."}
   ]$json$),
  ('queue_dead_letters', 'measure', 'Dead letters',
   'A queue has dead letters, or poison: messages that are read again and again.',
   'evaluate_queue_figures', 'messages',
   'Queue {{target}} has {{value}} that nobody can process (limit {{threshold}})',
   'Queue {{target}} is back to {{value}} that nobody can process', false, $json$[
    {"name": "threshold", "type": "integer", "default": 0, "min": 0, "max": 10000,
     "unit": "messages", "description": "Fires at more of them than this."},
    {"name": "resolve_threshold", "type": "integer", "default": null, "min": 0, "max": 10000,
     "unit": "messages",
     "description": "Resolves when there are no more than this; null: the threshold."},
    {"name": "count_poison", "type": "boolean", "default": true,
     "description": "Whether messages that were read more often than poison_reads count."},
    {"name": "queues", "type": "texts", "default": [],
     "description": "Only these queues, where * stands for any text; none: all but dead letters."}
   ]$json$),
  ('queue_stalled', 'measure', 'Queue stalled',
   'A queue has messages that are ready, none in flight, and nobody reads.',
   'evaluate_queue_stalled', 's', 'Nobody has read from queue {{target}} for {{value}}',
   'Queue {{target}} is read again', false, $json$[
    {"name": "within", "type": "interval", "default": "5 minutes", "min": "1 minute",
     "max": "7 days", "description": "How long messages may be ready without a read."},
    {"name": "queues", "type": "texts", "default": [],
     "description": "Only these queues, where * stands for any text; none: all but dead letters."}
   ]$json$),
  ('queue_error_rate', 'measure', 'Error rate of a queue',
   'Too large a share of what a queue finishes fails for good, or is read more than once.',
   'evaluate_queue_errors', '%',
   'Queue {{target}}: {{value}} of {{sample}} finished messages {{of}} (limit {{threshold}} %)',
   'Queue {{target}} is back to {{value}} that {{of}} (limit {{threshold}} %)', false, $json$[
    {"name": "threshold", "type": "number", "default": 5, "min": 0, "max": 100, "unit": "%",
     "description": "Fires over this share."},
    {"name": "resolve_threshold", "type": "number", "default": null, "min": 0, "max": 100,
     "unit": "%", "description": "Resolves when it is no more than this; null: the threshold."},
    {"name": "window", "type": "interval", "default": "5 minutes", "min": "1 minute",
     "max": "1 day", "description": "Over which time it is taken."},
    {"name": "min_sample", "type": "integer", "default": 20, "min": 1, "max": 1000000,
     "description": "With fewer messages finished it is not judged."},
    {"name": "of", "type": "choice", "default": "failed", "choices": ["failed", "retried"],
     "description": "failed: dead letters, pg-boss's failed jobs. retried: read more than once."},
    {"name": "queues", "type": "texts", "default": [],
     "description": "Only these queues, where * stands for any text; none: all but dead letters."}
   ]$json$);

create function tocsin_internal.evaluate_queue_figures(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    select * from tocsin_internal.tell_left_queues(p_settings, p_known, p_to);
  return query
    with setting as materialized (
      select s.setting_id, s.kind, s.parameters,
        (s.parameters ->> 'threshold')::double precision as threshold,
        coalesce((s.parameters ->> 'resolve_threshold')::double precision,
          (s.parameters ->> 'threshold')::double precision) as resolve_threshold
      from unnest(p_settings) as s
    ),
    figure as (
      select f, s.threshold, s.resolve_threshold, s.kind, case s.kind
        when 'queue_length' then (f.sample).ready_count
          + case when (s.parameters ->> 'count_in_flight')::boolean
            then coalesce((f.sample).in_flight_count, 0) else 0 end
        when 'queue_age' then coalesce((f.sample).oldest_age_seconds, 0)
        when 'queue_dead_letters' then coalesce((f.sample).dead_letter_count, 0)
          + case when (s.parameters ->> 'count_poison')::boolean
            then coalesce((f.sample).poison_count, 0) else 0 end
        else coalesce(case (s.parameters ->> 'of') || ' ' || (s.parameters ->> 'percentile')
            when 'processing p50' then (f.sample).processing_p50_seconds
            when 'processing p95' then (f.sample).processing_p95_seconds
            when 'processing p99' then (f.sample).processing_p99_seconds
            when 'wait p50' then (f.sample).wait_p50_seconds
            when 'wait p95' then (f.sample).wait_p95_seconds
            when 'wait p99' then (f.sample).wait_p99_seconds end,
          -- nothing ended, since there was nothing to do
          case when (f.sample).status = 'idle' then 0 end) end as value
      from setting s
      join tocsin_internal.samples_of(p_settings, p_from, p_to, p_step, p_now) as f
        on f.setting_id = s.setting_id
    ),
    judged as (
      select (f).*, threshold, resolve_threshold, value, coalesce(value > threshold
        or kind = 'queue_length' and ((f).sample).is_capped and value >= 10000, false)
          as is_breached
      from figure
    )
    select (tocsin_internal.tell_queue(row(j.setting_id, j.at, j.kind, j.queue_name, j.project_id,
        j.found_at, j.is_gone, j.sample)::tocsin_internal.queue_sample, j.value,
      (j.sample).ready_count, j.is_breached, j.value <= j.resolve_threshold and not j.is_breached,
      jsonb_build_array(
        jsonb_build_object('label', 'Ready', 'value', tocsin_internal.say_count(
          (j.sample).ready_count, (j.sample).is_capped)),
        jsonb_build_object('label', 'In flight', 'value', (j.sample).in_flight_count::text),
        jsonb_build_object('label', 'Oldest', 'value', case
          when (j.sample).oldest_age_seconds is not null
          then tocsin_internal.say_seconds((j.sample).oldest_age_seconds) end),
        jsonb_build_object('label', 'Empty in', 'value', case when (j.sample).drain_seconds > 0
          then tocsin_internal.say_seconds((j.sample).drain_seconds) end),
        jsonb_build_object('label', 'Dead letters', 'value',
          nullif((j.sample).dead_letter_count, 0)::text),
        jsonb_build_object('label', 'Read too often', 'value',
          nullif((j.sample).poison_count, 0)::text)), j.threshold)).*
    from judged j
    where (j.value is not null or j.is_gone) and (j.is_breached or p_known is null
      or (j.setting_id, j.kind::text, j.project_id, j.queue_name) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k));
end
$$;

comment on function tocsin_internal.evaluate_queue_figures(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of queue_length, queue_age, queue_processing_time and queue_dead_letters: a figure of '
  'the last sample.';

create function tocsin_internal.evaluate_queue_stalled(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    select * from tocsin_internal.tell_left_queues(p_settings, p_known, p_to);
  return query
    with setting as materialized (
      select s.setting_id,
        extract(epoch from (s.parameters ->> 'within')::interval)::double precision as within
      from unnest(p_settings) as s
    ),
    judged as (
      select f, s.within, n.unread, coalesce((f.sample).ready_count > 0
        and (f.sample).in_flight_count = 0 and (f.sample).oldest_age_seconds >= s.within
        and n.unread >= s.within, false) as is_breached
      from setting s
      join tocsin_internal.samples_of(p_settings, p_from, p_to, p_step, p_now) as f
        on f.setting_id = s.setting_id
      cross join lateral (
        -- never seen to be read: since it is known
        select greatest(0, extract(epoch from (f.sample).sampled_at
          - coalesce((f.sample).last_read_at, f.found_at)))::double precision as unread
      ) as n
    )
    select (tocsin_internal.tell_queue(j.f, case when j.is_breached then j.unread else 0 end,
      ((j.f).sample).ready_count, j.is_breached, not j.is_breached, jsonb_build_array(
        jsonb_build_object('label', 'Ready', 'value', tocsin_internal.say_count(
          ((j.f).sample).ready_count, ((j.f).sample).is_capped)),
        jsonb_build_object('label', 'Oldest', 'value', tocsin_internal.say_seconds(
          ((j.f).sample).oldest_age_seconds)),
        jsonb_build_object('label', 'Last read', 'value', coalesce(to_char(
          ((j.f).sample).last_read_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC',
          'never seen'))), j.within)).*
    from judged j
    where j.is_breached or p_known is null
      or ((j.f).setting_id, (j.f).kind::text, (j.f).project_id, (j.f).queue_name) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k);
end
$$;

comment on function tocsin_internal.evaluate_queue_stalled(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of queue_stalled: how long nobody has read from a queue that has something to read.';

create function tocsin_internal.evaluate_queue_errors(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    select * from tocsin_internal.tell_left_queues(p_settings, p_known, p_to);
  return query
    with setting as materialized (
      select s.setting_id, (s.parameters ->> 'window')::interval as span,
        s.parameters ->> 'of' as of,
        (s.parameters ->> 'min_sample')::bigint as min_sample,
        (s.parameters ->> 'threshold')::double precision as threshold,
        coalesce((s.parameters ->> 'resolve_threshold')::double precision,
          (s.parameters ->> 'threshold')::double precision) as resolve_threshold
      from unnest(p_settings) as s
    ),
    seen as materialized (
      select s.span, s.of, s.min_sample, s.threshold, s.resolve_threshold, f
      from setting s
      join tocsin_internal.samples_of(p_settings, p_from, p_to, p_step, p_now) as f
        on f.setting_id = s.setting_id
    ),
    summed as materialized (
      select k.*, w.*
      from (
        select distinct (f).kind, (f).queue_name, (f).at, span from seen where not (f).is_gone
      ) as k
      cross join lateral (
        select sum(m.finished_count) filter (where m.retry_share is not null) as finished,
          sum(m.finished_count) filter (where m.failed_count is not null) as judged,
          sum(m.failed_count) as failed,
          sum(m.retry_share * m.finished_count) as retried
        from (
          select m.finished_count, m.failed_count, m.retry_share from tocsin.queue_metrics m
          where m.kind = k.kind and m.queue_name = k.queue_name
            and m.sampled_at > k.at - k.span and m.sampled_at <= k.at
          union all
          select h.finished_count, h.failed_count, h.retry_share from tocsin.queue_hours h
          where h.kind = k.kind and h.queue_name = k.queue_name
            and h.hour_at >= k.at - greatest(k.span, interval '1 hour') and h.hour_at < k.at
            and k.at <= p_now - tocsin_internal.kept_for('queue_metrics')
        ) as m
      ) as w
    ),
    judged as (
      select s.f, s.threshold, s.resolve_threshold, s.of,
        case s.of when 'failed' then u.judged else u.finished end as sample,
        case s.of when 'failed' then u.failed else u.retried end as bad,
        coalesce(case when case s.of when 'failed' then u.judged else u.finished end
              >= s.min_sample
            then 100 * case s.of when 'failed' then u.failed / greatest(u.failed, u.judged)
              else u.retried / u.finished end end,
          case when ((s.f).sample).status = 'idle' then 0 end)::double precision as value
      from seen s
      left join summed u on u.kind = (s.f).kind and u.queue_name = (s.f).queue_name
        and u.at = (s.f).at and u.span = s.span
    )
    select (tocsin_internal.tell_queue(j.f, j.value, coalesce(j.sample, 0)::bigint,
      j.value > j.threshold, j.value <= j.resolve_threshold, jsonb_build_array(
        jsonb_build_object('label', case j.of when 'failed' then 'Failed'
          else 'Read more than once' end, 'value', format('%s of %s messages',
            round(j.bad::numeric), j.sample)),
        jsonb_build_object('label', 'Dead letters', 'value',
          nullif(((j.f).sample).dead_letter_count, 0)::text)), j.threshold)).*
    from judged j
    where (j.value is not null or (j.f).is_gone) and (j.value > j.threshold or p_known is null
      or ((j.f).setting_id, (j.f).kind::text, (j.f).project_id, (j.f).queue_name) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k));
end
$$;

comment on function tocsin_internal.evaluate_queue_errors(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of queue_error_rate: the share of what was finished within the window that failed for '
  'good, or that was read more than once.';

revoke all on all functions in schema tocsin_internal from public;
