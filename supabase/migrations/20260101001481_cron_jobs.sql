-- The jobs of pg_cron: which there are, how each fares, and what it did minute by minute.
--
-- Written by watch_cron() alone. pg_cron shows each role only its own jobs, so these are the jobs
-- of the role that owns Tocsin: on Supabase that is postgres, whose jobs Studio and migrations
-- make. The heart is not among them: it cannot tell of itself (doctor() does).
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.watchers (
  watcher text primary key,
  table_oid oid,
  last_id bigint not null default 0,
  last_at timestamptz,
  last_request_id bigint,
  pruned_id bigint,
  watched_since timestamptz not null,
  watched_at timestamptz not null
);

comment on table tocsin_internal.watchers is
  'How far the watchers of the platform have read: a row for pg_cron and one for pg_net.';
comment on column tocsin_internal.watchers.watcher is 'pg_cron or pg_net.';
comment on column tocsin_internal.watchers.table_oid is
  'The table that it reads: another one when the extension was made anew.';
comment on column tocsin_internal.watchers.last_id is
  'The last runid, or the id of the last response, that was read.';
comment on column tocsin_internal.watchers.last_at is 'When that response was created.';
comment on column tocsin_internal.watchers.last_request_id is
  'pg_net: the last id that a request had been given then; a smaller one means that ids began '
  'again.';
comment on column tocsin_internal.watchers.pruned_id is
  'pg_cron: up to this runid, all that the heart left in cron.job_run_details has been dropped.';
comment on column tocsin_internal.watchers.watched_since is
  'What ended before is not told: nobody is to be woken by the past.';
comment on column tocsin_internal.watchers.watched_at is 'When it last looked.';

create table tocsin.cron_jobs (
  job_id bigint primary key,
  job_name text not null,
  schedule text not null,
  plan tocsin_internal.cron_plan,
  is_active boolean not null,
  scheduled_since timestamptz not null,
  gone_at timestamptz,
  last_run_id bigint,
  last_started_at timestamptz,
  last_finished_at timestamptz,
  last_status text,
  last_message text,
  last_duration_ms double precision,
  running_since timestamptz,
  failures_in_row int not null default 0,
  recent_ms double precision[] not null default '{}',
  next_due_at timestamptz,
  missed_since timestamptz,
  missed_count int not null default 0,
  watched_since timestamptz not null
);

comment on table tocsin.cron_jobs is
  'The jobs of pg_cron, as the heart last saw them. tocsin.cron_health says it in words.';
comment on column tocsin.cron_jobs.job_id is 'The job, as cron.job has it.';
comment on column tocsin.cron_jobs.job_name is 'Its name; "job 12" when it has none.';
comment on column tocsin.cron_jobs.schedule is 'Its schedule.';
comment on column tocsin.cron_jobs.plan is 'The schedule, read; null when it cannot be.';
comment on column tocsin.cron_jobs.is_active is 'Whether pg_cron is to run it.';
comment on column tocsin.cron_jobs.scheduled_since is
  'Since when it has this schedule and is active, as far as the heart saw it.';
comment on column tocsin.cron_jobs.gone_at is
  'When it was seen to be unscheduled; null: it is not.';
comment on column tocsin.cron_jobs.last_run_id is 'Its last run, as cron.job_run_details has it.';
comment on column tocsin.cron_jobs.last_started_at is 'When its last run started.';
comment on column tocsin.cron_jobs.last_finished_at is 'When a run of it last ended.';
comment on column tocsin.cron_jobs.last_status is 'How that ended: succeeded or failed.';
comment on column tocsin.cron_jobs.last_message is
  'What that returned, redacted; at most 500 characters.';
comment on column tocsin.cron_jobs.last_duration_ms is 'How long that took, in milliseconds.';
comment on column tocsin.cron_jobs.running_since is 'Since when a run goes on; null: none does.';
comment on column tocsin.cron_jobs.failures_in_row is 'How many runs failed since one succeeded.';
comment on column tocsin.cron_jobs.recent_ms is
  'How long the last 100 runs took, in milliseconds, the oldest first.';
comment on column tocsin.cron_jobs.next_due_at is
  'When it is due after its last start, or after it was scheduled; null: never.';
comment on column tocsin.cron_jobs.missed_since is
  'When the first run was due that has not come for five minutes; null: none.';
comment on column tocsin.cron_jobs.missed_count is 'How many runs were due since; 1,000 at most.';
comment on column tocsin.cron_jobs.watched_since is 'Since when the heart knows it.';

create table tocsin.cron_metrics (
  job_id bigint not null,
  minute timestamptz not null,
  last_started_at timestamptz,
  run_count int not null default 0,
  failure_count int not null default 0,
  failures_in_row int not null default 0,
  most_failures_in_row int not null default 0,
  longest_ms double precision,
  total_ms double precision not null default 0,
  usual_ms double precision,
  primary key (job_id, minute)
);

create index cron_metrics_minute_idx on tocsin.cron_metrics (minute);

comment on table tocsin.cron_metrics is
  'What each job of pg_cron did in each minute in which it did something. Kept 9 days.';
comment on column tocsin.cron_metrics.job_id is 'The job.';
comment on column tocsin.cron_metrics.minute is 'The minute''s beginning.';
comment on column tocsin.cron_metrics.last_started_at is
  'When its last run of those that began in this minute began; null: none did.';
comment on column tocsin.cron_metrics.run_count is 'Runs that ended in this minute.';
comment on column tocsin.cron_metrics.failure_count is 'Runs of those that failed.';
comment on column tocsin.cron_metrics.failures_in_row is
  'After the last of those: how many failed since one succeeded.';
comment on column tocsin.cron_metrics.most_failures_in_row is
  'The most failures in a row that there were at any time in this minute.';
comment on column tocsin.cron_metrics.longest_ms is 'The longest of those, in milliseconds.';
comment on column tocsin.cron_metrics.total_ms is 'All of those together, in milliseconds.';
comment on column tocsin.cron_metrics.usual_ms is
  'The median of up to 100 runs before those, in milliseconds; null: fewer than five.';

create table tocsin_internal.open_cron_runs (
  run_id bigint primary key,
  job_id bigint not null
);

comment on table tocsin_internal.open_cron_runs is
  'Runs of pg_cron that had not ended when they were read: looked at again.';
comment on column tocsin_internal.open_cron_runs.run_id is 'The run.';
comment on column tocsin_internal.open_cron_runs.job_id is 'Its job.';

-- What is handed on as errors ---------------------------------------------------------------------

create function tocsin_internal.append_watched(p_errors tocsin_internal.reported_errors[])
returns void
language plpgsql set search_path = ''
as $$
declare
  v_messages constant text[] := array(
    select distinct message from unnest(p_errors) where message is not null);
  v_told constant text[] := tocsin_internal.redact_texts(v_messages, 8192);
begin
  insert into tocsin_internal.reported_errors (is_seen, is_redacted, error_id, timestamp, origin,
    source, error_type, project_id, workflow_id, workflow_name, source_id, run_id, component,
    http_status, message, metadata)
  select false, true, e.error_id, e.timestamp, 'report', e.source, e.error_type,
    coalesce(e.project_id, ''), left(e.workflow_id, 200), left(e.workflow_id, 200), e.component,
    e.run_id, e.component, e.http_status, t.told, coalesce(e.metadata, '{}')
  from unnest(p_errors) as e
  left join unnest(v_messages, v_told) as t (message, told) on t.message = e.message;
end
$$;

comment on function tocsin_internal.append_watched(tocsin_internal.reported_errors[]) is
  'Appends what the watchers of the platform found to the queue of reported errors, redacted. An '
  'error with an id that came before counts once.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin_internal.watchers enable row level security;
alter table tocsin_internal.open_cron_runs enable row level security;
alter table tocsin.cron_jobs enable row level security;
alter table tocsin.cron_metrics enable row level security;

create policy nobody_reads_it_through_the_api on tocsin_internal.watchers using (false);
create policy nobody_reads_it_through_the_api on tocsin_internal.open_cron_runs using (false);
-- a job belongs to no project
create policy operators_see_jobs on tocsin.cron_jobs
  for select to authenticated using ((select tocsin_internal.is_operator()));
create policy operators_see_jobs on tocsin.cron_metrics
  for select to authenticated using ((select tocsin_internal.is_operator()));

revoke all on tocsin_internal.watchers, tocsin_internal.open_cron_runs, tocsin.cron_jobs,
  tocsin.cron_metrics from public, anon, authenticated, service_role;
grant select on tocsin.cron_jobs, tocsin.cron_metrics to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
