-- Queue health: how every queue is now.
--
-- SECURITY DEFINER functions: none.

create view tocsin.queue_health with (security_invoker = true) as
select q.kind, q.queue_name, q.project_id, s.status,
  case
    when s.problem is not null then 'It could not be looked at: ' || s.problem
      || case when s.reason is null then '' else '. Before that: ' || s.reason end
    when s.sampled_at < clock_timestamp() - greatest(interval '1 minute', 3 * q.sample_interval)
      then format('It was last looked at %s ago. Then: %s', tocsin_internal.say_seconds(
        extract(epoch from clock_timestamp() - s.sampled_at)::double precision), s.reason)
    else s.reason
  end as reason,
  s.sampled_at,
  extract(epoch from clock_timestamp() - s.sampled_at)::double precision as age_seconds,
  s.ready_count, s.delayed_count, s.in_flight_count, s.is_capped, s.estimated_length,
  s.oldest_age_seconds, s.enqueued_per_second, s.finished_per_second,
  s.wait_p50_seconds, s.wait_p95_seconds, s.wait_p99_seconds,
  s.processing_p50_seconds, s.processing_p95_seconds, s.processing_p99_seconds,
  s.retry_share, s.error_rate, s.poison_count, q.dead_letter_queue, s.dead_letter_count,
  s.is_dead_letter_queue, s.last_read_at, s.drain_seconds, s.unknown, s.unknown_because
from tocsin.queues q
join tocsin_internal.queue_states s on s.kind = q.kind and s.queue_name = q.queue_name
where q.found_at is not null and q.dropped_at is null and not q.is_ignored;

comment on view tocsin.queue_health is
  'How every queue is now: each figure is of the last look, at most 10 seconds ago unless the '
  'queue''s sample_interval is longer. Null: that cannot be known of this queue.';
comment on column tocsin.queue_health.kind is 'What keeps it: pgmq or pgboss.';
comment on column tocsin.queue_health.queue_name is 'The queue.';
comment on column tocsin.queue_health.project_id is 'Its project; empty: none, for operators only.';
comment on column tocsin.queue_health.status is
  'idle, healthy, slow, backing_up or stalled; null: it could never be looked at.';
comment on column tocsin.queue_health.reason is 'Why, in words.';
comment on column tocsin.queue_health.sampled_at is 'When it was last looked at.';
comment on column tocsin.queue_health.age_seconds is 'How old the figures are.';
comment on column tocsin.queue_health.ready_count is 'Messages that a consumer could read now.';
comment on column tocsin.queue_health.delayed_count is 'Messages that are not due yet.';
comment on column tocsin.queue_health.in_flight_count is 'Messages that a consumer works on.';
comment on column tocsin.queue_health.is_capped is
  'Whether a count stopped at 10,000: there are more.';
comment on column tocsin.queue_health.estimated_length is
  'About how many messages there are, when a count stopped.';
comment on column tocsin.queue_health.oldest_age_seconds is
  'How long the ready message that waits longest has been ready.';
comment on column tocsin.queue_health.enqueued_per_second is 'Over the last minute.';
comment on column tocsin.queue_health.finished_per_second is 'Over the last minute.';
comment on column tocsin.queue_health.wait_p50_seconds is
  'From coming in to being read first: the median within 5 minutes.';
comment on column tocsin.queue_health.wait_p95_seconds is 'The same: what 95 % do not exceed.';
comment on column tocsin.queue_health.wait_p99_seconds is 'The same: what 99 % do not exceed.';
comment on column tocsin.queue_health.processing_p50_seconds is
  'From the last read to the end: the median within 5 minutes.';
comment on column tocsin.queue_health.processing_p95_seconds is
  'The same: what 95 % do not exceed.';
comment on column tocsin.queue_health.processing_p99_seconds is
  'The same: what 99 % do not exceed.';
comment on column tocsin.queue_health.retry_share is
  'Of the messages that were read, the share (0 to 1) that was read more than once.';
comment on column tocsin.queue_health.error_rate is
  'Of what was finished within 5 minutes, the share (0 to 1) that failed for good.';
comment on column tocsin.queue_health.poison_count is
  'Messages that were read more often than poison_reads.';
comment on column tocsin.queue_health.dead_letter_queue is 'Where its dead letters go.';
comment on column tocsin.queue_health.dead_letter_count is
  'Messages there, up to 10,000; null: it names none.';
comment on column tocsin.queue_health.is_dead_letter_queue is
  'Whether it holds the dead letters of another queue.';
comment on column tocsin.queue_health.last_read_at is 'The last sign of a consumer.';
comment on column tocsin.queue_health.drain_seconds is
  'How long until it is empty at the pace of the last minute; null: never, or unknown.';
comment on column tocsin.queue_health.unknown is 'Figures that cannot be had of this queue.';
comment on column tocsin.queue_health.unknown_because is 'Why not, and what would help.';

revoke all on tocsin.queue_health from public, anon, authenticated, service_role;
grant select on tocsin.queue_health to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.say_seconds(double precision)
  to authenticated, service_role;
