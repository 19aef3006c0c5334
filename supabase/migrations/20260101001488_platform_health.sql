-- The platform's health in words: the jobs of pg_cron, the webhooks of pg_net, and both extensions.
--
-- What is due or waits is judged by the clock of whoever looks, so that it is right also while the
-- heart stands still because pg_cron does.
--
-- SECURITY DEFINER functions: none. The views are read as whoever reads them.

create view tocsin.cron_health with (security_invoker = true) as
select j.job_id, j.job_name, j.schedule, j.is_active, s.status,
  case s.status
    when 'paused' then 'It is switched off.'
    when 'unknown' then case when j.plan is null
      then 'Its schedule is not one of times: nobody can tell when it is due.'
      else 'pg_cron does not write down its runs: cron.log_run is off.' end
    when 'missed' then format('It was due %s UTC and has not begun%s.',
      to_char(j.next_due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
      case when j.running_since is not null then ': its last run still goes on' else '' end)
    when 'failing' then format('%s in a row: %s',
      case j.failures_in_row when 1 then '1 failure' else j.failures_in_row || ' failures' end,
      coalesce(j.last_message, 'pg_cron does not say why'))
    when 'running' then format('It has been running since %s UTC.',
      to_char(j.running_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
    when 'new' then 'It has not run since it is watched' || case when j.next_due_at is null
      then ', and its schedule is never due.' else format('; due %s UTC.',
        to_char(j.next_due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')) end
    else format('Its last run took %s.', tocsin_internal.say_value(
      coalesce(round(j.last_duration_ms::numeric), 0)::double precision, 'ms')) end as reason,
  j.last_run_id, j.last_started_at, j.last_finished_at, j.last_status, j.last_message,
  j.last_duration_ms,
  (select percentile_cont(0.5) within group (order by ms) from unnest(j.recent_ms) as ms)
    as duration_p50_ms,
  (select percentile_cont(0.95) within group (order by ms) from unnest(j.recent_ms) as ms)
    as duration_p95_ms,
  j.failures_in_row, j.running_since, j.next_due_at,
  case when s.status = 'missed' then j.next_due_at end as missed_since,
  case when s.status = 'missed' then greatest(j.missed_count, 1) else 0 end as missed_count,
  coalesce(m.run_count, 0) as run_count_24h, coalesce(m.failure_count, 0) as failure_count_24h,
  j.watched_since
from tocsin.cron_jobs j
cross join lateral (
  select case
    when not j.is_active then 'paused'
    when not tocsin_internal.does_cron_log() then 'unknown'
    when j.next_due_at <= clock_timestamp() - interval '5 minutes' then 'missed'
    when j.failures_in_row > 0 then 'failing'
    when j.running_since is not null then 'running'
    when j.plan is null then 'unknown'
    when j.last_finished_at is null then 'new'
    else 'healthy' end as status
) as s
left join lateral (
  select sum(c.run_count)::bigint as run_count, sum(c.failure_count)::bigint as failure_count
  from tocsin.cron_metrics c
  where c.job_id = j.job_id and c.minute > clock_timestamp() - interval '24 hours'
) as m on true
where j.gone_at is null;

comment on view tocsin.cron_health is
  'How each job of pg_cron fares now, with the reason in words. Operators read it.';
comment on column tocsin.cron_health.job_id is 'The job, as cron.job has it.';
comment on column tocsin.cron_health.job_name is 'Its name; "job 12" when it has none.';
comment on column tocsin.cron_health.schedule is 'Its schedule.';
comment on column tocsin.cron_health.is_active is 'Whether pg_cron is to run it.';
comment on column tocsin.cron_health.status is
  'healthy, failing (its last run failed), missed (not begun five minutes after it was due), '
  'running, new (not run yet), paused (switched off) or unknown.';
comment on column tocsin.cron_health.reason is 'Why, in a sentence.';
comment on column tocsin.cron_health.last_run_id is 'Its last run.';
comment on column tocsin.cron_health.last_started_at is 'When its last run began.';
comment on column tocsin.cron_health.last_finished_at is 'When a run of it last ended.';
comment on column tocsin.cron_health.last_status is 'How that ended: succeeded or failed.';
comment on column tocsin.cron_health.last_message is 'What that returned, redacted.';
comment on column tocsin.cron_health.last_duration_ms is 'How long that took, in milliseconds.';
comment on column tocsin.cron_health.duration_p50_ms is
  'The median of how long its last 100 runs took, in milliseconds.';
comment on column tocsin.cron_health.duration_p95_ms is
  'The 95th percentile of how long its last 100 runs took, in milliseconds.';
comment on column tocsin.cron_health.failures_in_row is 'How many runs failed since one succeeded.';
comment on column tocsin.cron_health.running_since is 'Since when a run goes on; null: none does.';
comment on column tocsin.cron_health.next_due_at is
  'When it is due after its last start; null: never, or nobody can tell.';
comment on column tocsin.cron_health.missed_since is
  'When the first run was due that has not come.';
comment on column tocsin.cron_health.missed_count is
  'How many runs were due since, as the heart last counted; 1,000 at most.';
comment on column tocsin.cron_health.run_count_24h is 'Runs that ended within 24 hours.';
comment on column tocsin.cron_health.failure_count_24h is 'Those that failed.';
comment on column tocsin.cron_health.watched_since is 'Since when the heart knows it.';

create view tocsin.webhook_health with (security_invoker = true) as
select w.webhook_id, w.kind, w.name, w.project_id, w.table_name, w.method, w.url, s.status,
  case s.status
    when 'failing' then format('%s in a row: %s', case w.failures_in_row when 1 then '1 failure'
      else w.failures_in_row || ' failures' end, coalesce(w.last_error, 'without a word'))
    when 'degraded' then format('%s of %s requests failed within the hour.', m.failure_count,
      m.request_count)
    when 'idle' then 'No request was answered within 24 hours.'
    else 'Its last request succeeded.' end as reason,
  coalesce(m.request_count, 0) as request_count_1h,
  coalesce(m.failure_count, 0) as failure_count_1h,
  round(100.0 * m.failure_count / nullif(m.request_count, 0), 2) as failure_rate_1h,
  w.failures_in_row, w.last_answered_at, w.last_success_at, w.last_failure_at, w.last_status_code,
  w.last_error, w.first_seen_at
from tocsin.webhooks w
left join lateral (
  select sum(c.request_count)::bigint as request_count,
    sum(c.failure_count)::bigint as failure_count
  from tocsin.webhook_metrics c
  where c.webhook_id = w.webhook_id and c.minute > clock_timestamp() - interval '1 hour'
) as m on true
cross join lateral (
  select case
    when w.last_answered_at < clock_timestamp() - interval '24 hours' then 'idle'
    when w.failures_in_row > 0 then 'failing'
    when m.failure_count > 0 then 'degraded'
    else 'healthy' end as status
) as s;

comment on view tocsin.webhook_health is
  'How each webhook that pg_net called fares now, with the reason in words. Operators read it, and '
  'members those that a label gave to their projects.';
comment on column tocsin.webhook_health.webhook_id is 'The webhook.';
comment on column tocsin.webhook_health.kind is
  'How it is known: database_webhook, labeled, seen or unknown.';
comment on column tocsin.webhook_health.name is 'Its name.';
comment on column tocsin.webhook_health.project_id is
  'The project that its label named; else empty.';
comment on column tocsin.webhook_health.table_name is 'The table of a database webhook.';
comment on column tocsin.webhook_health.method is 'GET, POST or DELETE, if known.';
comment on column tocsin.webhook_health.url is 'Where it goes, if known, without secrets.';
comment on column tocsin.webhook_health.status is
  'failing (its last request failed), degraded (some failed within the hour), healthy, or idle.';
comment on column tocsin.webhook_health.reason is 'Why, in a sentence.';
comment on column tocsin.webhook_health.request_count_1h is
  'Requests that were answered or given up within the hour.';
comment on column tocsin.webhook_health.failure_count_1h is 'Those that failed.';
comment on column tocsin.webhook_health.failure_rate_1h is
  'Those that failed, in percent; null: there were none.';
comment on column tocsin.webhook_health.failures_in_row is 'How many failed since one succeeded.';
comment on column tocsin.webhook_health.last_answered_at is
  'When pg_net last noted an answer or an error.';
comment on column tocsin.webhook_health.last_success_at is 'When it last succeeded.';
comment on column tocsin.webhook_health.last_failure_at is 'When it last failed.';
comment on column tocsin.webhook_health.last_status_code is 'The last HTTP status.';
comment on column tocsin.webhook_health.last_error is 'What the last failure said, redacted.';
comment on column tocsin.webhook_health.first_seen_at is 'When the heart first heard of it.';

create view tocsin.platform_health with (security_invoker = true) as
select p.part, e.extversion as version, s.status,
  case when e.extname is null then 'It is not installed.'
    when not p.is_running then case p.part
      when 'pg_cron' then 'Its scheduler is not running: no job begins, and the heart stands still.'
      else 'Its worker is not running: no request is sent.' end
    when p.part = 'pg_cron' and not tocsin_internal.does_cron_log()
      then 'cron.log_run is off: nobody can tell which jobs failed or were missed.'
    when p.part = 'pg_net' and coalesce(w.oldest_seconds, 0) >= 120
      then format('%s requests wait, one for %s s.', w.waiting_count, round(w.oldest_seconds))
    else 'It is running.' end as reason,
  p.is_running, w.waiting_count, w.oldest_seconds as oldest_wait_seconds
from (
  select 'pg_cron' as part, exists (select from pg_catalog.pg_stat_activity
    where application_name = 'pg_cron scheduler' or backend_type = 'pg_cron launcher') as is_running
  union all
  select 'pg_net', exists (select from pg_catalog.pg_stat_activity
    where application_name like 'pg\_net%' or backend_type like 'pg\_net%')
) as p
left join pg_catalog.pg_extension e on e.extname = p.part
left join lateral (
  select r.waiting_count, r.oldest_seconds from tocsin.request_waits r
  where p.part = 'pg_net' and r.minute > clock_timestamp() - interval '2 minutes'
  order by r.minute desc limit 1
) as w on true
cross join lateral (
  select case when e.extname is null then 'absent' when not p.is_running then 'fail'
    when p.part = 'pg_cron' and not tocsin_internal.does_cron_log()
      or coalesce(w.oldest_seconds, 0) >= 120 then 'warn'
    else 'ok' end as status
) as s;

comment on view tocsin.platform_health is
  'Whether pg_cron and pg_net are there and run. Figures of requests are the operators''.';
comment on column tocsin.platform_health.part is 'pg_cron or pg_net.';
comment on column tocsin.platform_health.version is 'The version that is installed; null: none.';
comment on column tocsin.platform_health.status is 'ok, warn, fail or absent.';
comment on column tocsin.platform_health.reason is 'Why, in a sentence.';
comment on column tocsin.platform_health.is_running is
  'Whether its scheduler or worker is seen in pg_stat_activity.';
comment on column tocsin.platform_health.waiting_count is
  'Requests that waited within the last two minutes; null: none.';
comment on column tocsin.platform_health.oldest_wait_seconds is
  'How long one of those had been seen to wait, in seconds.';

revoke all on tocsin.cron_health, tocsin.webhook_health, tocsin.platform_health
  from public, anon, authenticated, service_role;
grant select on tocsin.cron_health, tocsin.webhook_health, tocsin.platform_health
  to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
