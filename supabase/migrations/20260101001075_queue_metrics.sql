-- Queue metrics: the samples of queues, and what each looked like when it was last looked at.
--
-- A sample of a queue that has nothing to do and says nothing new is kept once a minute. Samples
-- are partitioned by day and kept for 7 days; their hours are kept for 90. A figure that cannot be
-- had of a queue is null, never 0.
--
-- SECURITY DEFINER functions: none.

create table tocsin.queue_metrics (
  kind tocsin.queue_kind not null,
  queue_name text not null,
  project_id text not null default '',
  sampled_at timestamptz not null,
  interval_seconds double precision,
  status tocsin.queue_status,
  ready_count bigint,
  delayed_count bigint,
  in_flight_count bigint,
  is_capped boolean not null default false,
  oldest_age_seconds double precision,
  enqueued_count bigint,
  finished_count bigint,
  failed_count bigint,
  enqueued_per_second double precision,
  finished_per_second double precision,
  wait_p50_seconds double precision,
  wait_p95_seconds double precision,
  wait_p99_seconds double precision,
  processing_p50_seconds double precision,
  processing_p95_seconds double precision,
  processing_p99_seconds double precision,
  retry_share double precision,
  error_rate double precision,
  poison_count bigint,
  dead_letter_count bigint,
  last_read_at timestamptz,
  drain_seconds double precision,
  primary key (kind, queue_name, sampled_at)
) partition by range (sampled_at);

create index queue_metrics_sampled_at_idx on tocsin.queue_metrics (sampled_at);

comment on table tocsin.queue_metrics is
  'Samples of queues, kept 7 days. Null: that cannot be known of this queue. Written by the heart; '
  'docs/reference/queue-metrics.md says how each figure is obtained.';
comment on column tocsin.queue_metrics.kind is 'What keeps the queue: pgmq or pgboss.';
comment on column tocsin.queue_metrics.queue_name is 'The queue.';
comment on column tocsin.queue_metrics.project_id is 'Its project then; empty: none.';
comment on column tocsin.queue_metrics.sampled_at is 'When it was looked at.';
comment on column tocsin.queue_metrics.interval_seconds is
  'How long after the row before, which is what the counts are of; null: it is the first.';
comment on column tocsin.queue_metrics.status is 'How it was; tocsin.queue_health has the reason.';
comment on column tocsin.queue_metrics.ready_count is 'Messages that a consumer could read now.';
comment on column tocsin.queue_metrics.delayed_count is
  'Messages that nobody has read and that are not due yet.';
comment on column tocsin.queue_metrics.in_flight_count is
  'Messages that a consumer has taken and that are hidden from others.';
comment on column tocsin.queue_metrics.is_capped is
  'Whether a count stopped at 10,000: there are more.';
comment on column tocsin.queue_metrics.oldest_age_seconds is
  'How long the ready message that waits longest has been ready, in seconds; null: none is.';
comment on column tocsin.queue_metrics.enqueued_count is 'Messages that came in since.';
comment on column tocsin.queue_metrics.finished_count is
  'Messages that were finished since, in whatever way: deleted, archived, completed, failed.';
comment on column tocsin.queue_metrics.failed_count is
  'Of them, those that failed for good: pg-boss''s failed jobs, new messages in the dead-letter '
  'queue.';
comment on column tocsin.queue_metrics.enqueued_per_second is
  'Messages that came in each second, over the last minute.';
comment on column tocsin.queue_metrics.finished_per_second is
  'Messages that were finished each second, over the last minute.';
comment on column tocsin.queue_metrics.wait_p50_seconds is
  'From coming in to being read first, in seconds: the median of what was read within 5 minutes.';
comment on column tocsin.queue_metrics.wait_p95_seconds is 'The same: what 95 % do not exceed.';
comment on column tocsin.queue_metrics.wait_p99_seconds is 'The same: what 99 % do not exceed.';
comment on column tocsin.queue_metrics.processing_p50_seconds is
  'From the last read to the end, in seconds: the median of what ended within 5 minutes.';
comment on column tocsin.queue_metrics.processing_p95_seconds is
  'The same: what 95 % do not exceed.';
comment on column tocsin.queue_metrics.processing_p99_seconds is
  'The same: what 99 % do not exceed.';
comment on column tocsin.queue_metrics.retry_share is
  'Of the messages that were read, the share (0 to 1) that was read more than once.';
comment on column tocsin.queue_metrics.error_rate is
  'Of what was finished within 5 minutes, the share (0 to 1) that failed for good.';
comment on column tocsin.queue_metrics.poison_count is
  'Messages that were read more often than poison_reads.';
comment on column tocsin.queue_metrics.dead_letter_count is
  'Messages in the dead-letter queue, up to 10,000; null: none is named.';
comment on column tocsin.queue_metrics.last_read_at is
  'The last sign of a consumer; null: none has been seen.';
comment on column tocsin.queue_metrics.drain_seconds is
  'How long until it is empty at the pace of the last minute; null: never at this pace, or '
  'unknown.';

-- What each queue looked like last ----------------------------------------------------------------

create table tocsin_internal.queue_states (
  like tocsin.queue_metrics including comments including defaults,
  reason text,
  problem text,
  estimated_length bigint,
  next_ready_at timestamptz,
  unknown text[] not null default '{}',
  unknown_because text,
  watched_since timestamptz not null,
  kept_at timestamptz,
  tried_at timestamptz not null,
  relation oid,
  storage oid,
  shape jsonb,
  shaped_at timestamptz,
  enqueued_total bigint,
  updated_total bigint,
  deleted_total bigint,
  dead_letters_total bigint,
  unproven_count bigint not null default 0,
  unclaimed_count bigint not null default 0,
  has_archived boolean not null default false,
  oldest_at timestamptz,
  is_dead_letter_queue boolean not null default false,
  primary key (kind, queue_name),
  foreign key (kind, queue_name) references tocsin.queues (kind, queue_name) on delete cascade
) with (fillfactor = 50);

-- one that could never be looked at has a row as well
alter table tocsin_internal.queue_states alter column sampled_at drop not null;

comment on table tocsin_internal.queue_states is
  'What each queue looked like when it was last looked at, and what the next look needs to know. '
  'Written by the heart; tocsin.queue_health shows it.';
comment on column tocsin_internal.queue_states.reason is 'Why it has its status, in words.';
comment on column tocsin_internal.queue_states.problem is
  'Why it could not be looked at, in words; null: it could.';
comment on column tocsin_internal.queue_states.estimated_length is
  'About how many messages there are when a count was capped, by the size of the table.';
comment on column tocsin_internal.queue_states.next_ready_at is
  'When the next message that is not due becomes ready.';
comment on column tocsin_internal.queue_states.unknown is
  'The figures that cannot be had of this queue.';
comment on column tocsin_internal.queue_states.unknown_because is 'Why not, in words.';
comment on column tocsin_internal.queue_states.watched_since is
  'When this queue, made as it is now, was first looked at.';
comment on column tocsin_internal.queue_states.kept_at is
  'When its last row of queue_metrics was kept.';
comment on column tocsin_internal.queue_states.tried_at is
  'When it was last tried to look at it.';
comment on column tocsin_internal.queue_states.relation is
  'The table of its messages: another one when it was dropped and made again.';
comment on column tocsin_internal.queue_states.storage is
  'The file of that table: another one when it was emptied at once.';
comment on column tocsin_internal.queue_states.shape is
  'Which columns and indexes its tables have.';
comment on column tocsin_internal.queue_states.shaped_at is 'When that was found out.';
comment on column tocsin_internal.queue_states.enqueued_total is
  'How many messages came in ever, as far as can be told.';
comment on column tocsin_internal.queue_states.updated_total is
  'How many rows of its table were updated, by the statistics of Postgres.';
comment on column tocsin_internal.queue_states.deleted_total is
  'How many rows of its table were deleted, by the statistics of Postgres.';
comment on column tocsin_internal.queue_states.dead_letters_total is
  'How many messages came into its dead-letter queue ever.';
comment on column tocsin_internal.queue_states.unproven_count is
  'Messages that came in and are not there, and that the statistics do not call deleted: their '
  'sender has not committed yet, or rolled back.';
comment on column tocsin_internal.queue_states.unclaimed_count is
  'Rows that the statistics call deleted and that are not told as finished yet.';
comment on column tocsin_internal.queue_states.has_archived is
  'Whether something was archived within the five minutes before.';
comment on column tocsin_internal.queue_states.oldest_at is
  'Since when its oldest ready message has been ready.';
comment on column tocsin_internal.queue_states.is_dead_letter_queue is
  'Whether another queue sends its dead letters here.';

create type tocsin_internal.queue_reading as (
  relation oid,
  storage oid,
  enqueued_total bigint,
  updated_total bigint,
  deleted_total bigint,
  ready_count bigint,
  delayed_count bigint,
  in_flight_count bigint,
  is_capped boolean,
  estimated_length bigint,
  oldest_at timestamptz,
  next_ready_at timestamptz,
  read_count bigint,
  retried_count bigint,
  poison_count bigint,
  last_read_at timestamptz,
  waits double precision[],
  processings double precision[],
  finished_count bigint,
  failed_count bigint,
  finished_in_window bigint,
  failed_in_window bigint,
  has_archived boolean,
  unknown text[],
  unknown_because text,
  shape jsonb,
  is_shaped boolean
);
comment on type tocsin_internal.queue_reading is
  'What one look at a queue found, of whatever kind it is. Null: it cannot be known.';

create function tocsin_internal.is_shape_old(
  p_state tocsin_internal.queue_states, p_now timestamptz
) returns boolean
language sql immutable set search_path = ''
as $$
  -- each queue at a time of its own, so that not all of them fall into one beat
  select p_state.shape is null or p_state.shaped_at is null or p_state.shaped_at
    < p_now - make_interval(secs => 600 + abs(hashtext(p_state.queue_name) % 600))
$$;

comment on function tocsin_internal.is_shape_old(tocsin_internal.queue_states, timestamptz) is
  'Whether it is time to look again which columns and indexes the tables of a queue have: each 10 '
  'to 20 minutes.';

create function tocsin_internal.say_seconds(p_seconds double precision) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_seconds is null then 'unknown'
    when p_seconds < 10 then to_char(p_seconds, 'FM0.0') || ' s'
    when p_seconds < 120 then to_char(p_seconds, 'FM990') || ' s'
    when p_seconds < 7200 then to_char(p_seconds / 60, 'FM990') || ' min'
    when p_seconds < 172800 then to_char(p_seconds / 3600, 'FM990.0') || ' h'
    else to_char(p_seconds / 86400, 'FM999990.0') || ' days' end
$$;

comment on function tocsin_internal.say_seconds(double precision) is
  'A time in words: 2.5 s, 40 s, 12 min, 3.0 h.';

-- Privileges --------------------------------------------------------------------------------------

alter table tocsin.queue_metrics enable row level security;
alter table tocsin_internal.queue_states enable row level security;

create policy members_see_their_projects_samples on tocsin.queue_metrics
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
-- the policy of the queues decides which the subquery can see
create policy whoever_sees_a_queue_sees_its_state on tocsin_internal.queue_states
  for select to authenticated using (
    (kind, queue_name) in (select q.kind, q.queue_name from tocsin.queues q)
  );

revoke all on tocsin.queue_metrics, tocsin_internal.queue_states
  from public, anon, authenticated, service_role;
grant select on tocsin.queue_metrics, tocsin_internal.queue_states
  to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
