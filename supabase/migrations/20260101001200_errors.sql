-- Errors: the table of failure events, how long it is kept, and the queue of what is reported.
--
-- tocsin.error_metrics is partitioned by the day on which an event came in, not by the time that it
-- claims: clocks are wrong and imports are late, while the day of arrival is ours. A partition is
-- dropped when its last event has been here long enough, and an event that came in just now is
-- there however old it says it is. An event is never later than its arrival (store_errors() sees to
-- it), so whoever asks for a range of time reads only the partitions that began before its end.
--
-- A partitioned table cannot be unique on an event id: tocsin_internal.seen_errors decides, for
-- seven days, whether an event came before.
--
-- SECURITY DEFINER functions: none.

create type tocsin.error_source as enum ('worker', 'webhook', 'system');
comment on type tocsin.error_source is
  'Where a failure happened: worker (a run), webhook (its intake or sending), system (the rest).';

create type tocsin.error_type as enum ('system', 'execution', 'input', 'timeout', 'network', 'auth',
  'rate_limit', 'dependency', 'unknown');
comment on type tocsin.error_type is
  'What went wrong: system (the machine: memory, disk, a crash), execution (the code), input (what '
  'it '
  'was given), timeout, network, auth, rate_limit, dependency (another service failed), unknown.';

create type tocsin.error_origin as enum ('run', 'stuck', 'event', 'report');
comment on type tocsin.error_origin is
  'What told of it: run (a watched run failed), stuck (one runs for too long), event (a watched '
  'events table), report (a worker, server or statement reported it).';

create table tocsin.error_metrics (
  error_id uuid not null,
  timestamp timestamptz not null,
  source tocsin.error_source not null,
  error_type tocsin.error_type not null,
  severity tocsin.severity not null,
  project_id text not null default '',
  workflow_id text not null default '',
  workflow_name text,
  source_id text not null default '',
  run_id text,
  node text,
  attempt int,
  user_id text,
  component text,
  environment text,
  release text,
  exception text,
  sqlstate text,
  http_status int,
  message text,
  stack text,
  metadata jsonb not null default '{}',
  origin tocsin.error_origin not null default 'run',
  fingerprint text not null default '',
  classified_by text not null default '',
  is_new boolean not null default false,
  is_regression boolean not null default false,
  is_ignored boolean not null default false,
  is_sampled_out boolean not null default false,
  ingested_at timestamptz not null,
  primary key (error_id, project_id, ingested_at)
) partition by range (ingested_at);

create index error_metrics_project_id_timestamp_idx on tocsin.error_metrics
  (project_id, timestamp desc);
create index error_metrics_timestamp_idx on tocsin.error_metrics (timestamp);
create index error_metrics_fingerprint_timestamp_idx on tocsin.error_metrics
  (fingerprint, timestamp desc);
create index error_metrics_run_id_idx on tocsin.error_metrics (run_id) where run_id is not null;

comment on table tocsin.error_metrics is
  'Failure events: one row for each failure that was committed or reported. Written by the heart; '
  'kept as long as tocsin.retention says.';
comment on column tocsin.error_metrics.error_id is 'The failure event.';
comment on column tocsin.error_metrics.timestamp is
  'When it failed, by the run''s or the reporter''s own clock; never later than its arrival.';
comment on column tocsin.error_metrics.source is 'worker, webhook or system.';
comment on column tocsin.error_metrics.error_type is
  'What went wrong: docs/reference/errors-classification.md.';
comment on column tocsin.error_metrics.severity is 'low, medium or high.';
comment on column tocsin.error_metrics.project_id is 'The project; empty when it belongs to none.';
comment on column tocsin.error_metrics.workflow_id is 'The workflow; empty when there is none.';
comment on column tocsin.error_metrics.workflow_name is 'What people call the workflow, if known.';
comment on column tocsin.error_metrics.source_id is
  'The run source or error source that it came from; empty when it was reported.';
comment on column tocsin.error_metrics.run_id is 'The run, as text.';
comment on column tocsin.error_metrics.node is 'The step that failed, if known.';
comment on column tocsin.error_metrics.attempt is 'Which attempt it was, if known.';
comment on column tocsin.error_metrics.user_id is 'The user whom it hurt, as reported.';
comment on column tocsin.error_metrics.component is
  'The service or part of it that reported: free text, such as http-executor.';
comment on column tocsin.error_metrics.environment is
  'production, staging …: as reported, or this installation''s.';
comment on column tocsin.error_metrics.release is 'The version of the software that failed.';
comment on column tocsin.error_metrics.exception is 'The exception''s name: TypeError.';
comment on column tocsin.error_metrics.sqlstate is 'The SQLSTATE, or PostgREST''s own code.';
comment on column tocsin.error_metrics.http_status is 'The HTTP status that was answered.';
comment on column tocsin.error_metrics.message is 'The error text, redacted; at most 8 KiB.';
comment on column tocsin.error_metrics.stack is 'The stack trace, redacted; at most 32 KiB.';
comment on column tocsin.error_metrics.metadata is
  'What else was reported, redacted; at most 64 KiB.';
comment on column tocsin.error_metrics.origin is 'What told of it: run, stuck, event or report.';
comment on column tocsin.error_metrics.fingerprint is
  'Its group, within its project: tocsin.error_groups.';
comment on column tocsin.error_metrics.classified_by is 'The rule that decided type and severity.';
comment on column tocsin.error_metrics.is_new is 'The first of its group.';
comment on column tocsin.error_metrics.is_regression is 'It brought a resolved group back.';
comment on column tocsin.error_metrics.is_ignored is 'Its group was being ignored.';
comment on column tocsin.error_metrics.is_sampled_out is
  'Counted in a spike without its message, stack and metadata.';
comment on column tocsin.error_metrics.ingested_at is 'When it was stored here.';

create table tocsin_internal.seen_errors (
  error_id uuid not null,
  project_id text not null,
  seen_at timestamptz not null,
  primary key (error_id, project_id)
);

create index seen_errors_seen_at_idx on tocsin_internal.seen_errors (seen_at);

comment on table tocsin_internal.seen_errors is
  'The events that came in the last seven days, so that none is stored twice.';
comment on column tocsin_internal.seen_errors.error_id is 'The event, as it was named.';
comment on column tocsin_internal.seen_errors.project_id is 'Its project; empty: none.';
comment on column tocsin_internal.seen_errors.seen_at is 'When it came first.';

-- How long records are kept -----------------------------------------------------------------------

create table tocsin.retention (
  record text primary key,
  keep_for interval not null,
  description text not null,
  constraint records_are_kept_for_a_day_at_least
    check (keep_for between interval '1 day' and interval '10 years')
);

comment on table tocsin.retention is
  'How long Tocsin keeps its records. Operators change keep_for; what is older goes within an '
  'hour.';
comment on column tocsin.retention.record is 'The record.';
comment on column tocsin.retention.keep_for is 'How long it is kept: a day to ten years.';
comment on column tocsin.retention.description is 'What it is.';

insert into tocsin.retention (record, keep_for, description) values
  ('error_metrics', '30 days', 'Failure events, by the day on which they came in.'),
  ('error_groups', '90 days', 'Groups that have not been seen, with their counts by hour and day.');

create function tocsin_internal.kept_for(p_record text) returns interval
language sql stable set search_path = ''
as $$
  -- a row that somebody deleted must not keep things for ever, nor drop them at once
  select coalesce((select keep_for from tocsin.retention where record = p_record), '90 days')
$$;

comment on function tocsin_internal.kept_for(text) is
  'How long a record is kept; 90 days when no row says it.';

-- What is reported, until the heart stores it -----------------------------------------------------

-- Written inside the user's own transactions, as run_outcomes is: it must never refuse a row.
-- No type of the schema tocsin, which would take the column along when it is dropped.

create table tocsin_internal.reported_errors (
  report_id bigint generated always as identity primary key,
  attempts int not null default 0,
  due_at timestamptz,
  is_seen boolean not null default false,
  is_redacted boolean not null default false,
  event_id text,
  error_id uuid,
  timestamp timestamptz,
  origin text,
  source text,
  error_type text,
  severity text,
  project_id text,
  workflow_id text,
  workflow_name text,
  source_id text,
  run_id text,
  node text,
  attempt int,
  user_id text,
  component text,
  environment text,
  release text,
  exception text,
  sqlstate text,
  http_status int,
  message text,
  stack text,
  metadata jsonb
) with (
  -- A queue: rows live for seconds. Truncating its end would take a lock that writers wait for.
  vacuum_truncate = off,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_vacuum_cost_delay = 0
);

comment on table tocsin_internal.reported_errors is
  'Errors not yet stored, and the shape of every error on its way into error_metrics. Appended by '
  'report_error(), report_errors() and the triggers of watch_errors(); removed by '
  'ingest_reports().';
comment on column tocsin_internal.reported_errors.report_id is 'The order of appending.';
comment on column tocsin_internal.reported_errors.attempts is 'How often storing it has failed.';
comment on column tocsin_internal.reported_errors.due_at is
  'When it is to be tried again; null: now.';
comment on column tocsin_internal.reported_errors.is_seen is
  'Its id is already in seen_errors: it was looked for when it was reported.';
comment on column tocsin_internal.reported_errors.is_redacted is 'Its texts are redacted already.';
comment on column tocsin_internal.reported_errors.event_id is
  'The row of the watched events table, whose text is looked up when it is stored.';
comment on column tocsin_internal.reported_errors.error_id is 'The failure event.';
comment on column tocsin_internal.reported_errors.timestamp is 'When it happened.';
comment on column tocsin_internal.reported_errors.origin is 'What told of it.';
comment on column tocsin_internal.reported_errors.source is 'worker, webhook or system.';
comment on column tocsin_internal.reported_errors.error_type is
  'The type, where the reporter knows it.';
comment on column tocsin_internal.reported_errors.severity is
  'The severity, where the reporter says it.';
comment on column tocsin_internal.reported_errors.project_id is 'The project; null: none.';
comment on column tocsin_internal.reported_errors.workflow_id is 'The workflow; null: none.';
comment on column tocsin_internal.reported_errors.workflow_name is 'What people call the workflow.';
comment on column tocsin_internal.reported_errors.source_id is 'The source that it came from.';
comment on column tocsin_internal.reported_errors.run_id is 'The run.';
comment on column tocsin_internal.reported_errors.node is 'The step that failed.';
comment on column tocsin_internal.reported_errors.attempt is 'Which attempt it was.';
comment on column tocsin_internal.reported_errors.user_id is 'The user whom it hurt.';
comment on column tocsin_internal.reported_errors.component is 'The service that reports.';
comment on column tocsin_internal.reported_errors.environment is 'The environment.';
comment on column tocsin_internal.reported_errors.release is 'The version that failed.';
comment on column tocsin_internal.reported_errors.exception is 'The exception''s name.';
comment on column tocsin_internal.reported_errors.sqlstate is 'The SQLSTATE.';
comment on column tocsin_internal.reported_errors.http_status is 'The HTTP status.';
comment on column tocsin_internal.reported_errors.message is 'The error text.';
comment on column tocsin_internal.reported_errors.stack is 'The stack trace.';
comment on column tocsin_internal.reported_errors.metadata is 'What else was reported.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.error_metrics enable row level security;
alter table tocsin.retention enable row level security;
alter table tocsin_internal.seen_errors enable row level security;
alter table tocsin_internal.reported_errors enable row level security;

create policy members_see_their_projects_errors on tocsin.error_metrics
  for select to authenticated using (
    (select tocsin_internal.is_operator())
    or project_id in (select tocsin.my_project_ids())
  );
create policy everybody_sees_how_long_records_are_kept on tocsin.retention
  for select to authenticated using (true);
create policy operators_change_how_long_records_are_kept on tocsin.retention
  for update to authenticated using ((select tocsin_internal.is_operator()))
  with check ((select tocsin_internal.is_operator()));
create policy nobody_reads_it_through_the_api on tocsin_internal.seen_errors using (false);
create policy nobody_reads_it_through_the_api on tocsin_internal.reported_errors using (false);

revoke all on tocsin.error_metrics, tocsin.retention, tocsin_internal.seen_errors,
  tocsin_internal.reported_errors from public, anon, authenticated, service_role;
grant select on tocsin.error_metrics to authenticated, service_role;
grant select, update on tocsin.retention to authenticated, service_role;
revoke all on all functions in schema tocsin_internal
  from public;
