-- Missed runs: what the schedules ask for against what began, and a scheduler that was away.
--
-- pg_cron starts late what had to wait for a free slot, and never what was due while it was away. A
-- job is missed when nothing of it began from the time at which it was due; for tocsin.cron_health
-- five minutes later, for a setting of cron_missed after the grace that it gives.
--
-- While the scheduler is away the heart does not beat either. Once it is back, the first beat tells
-- what was missed, and the settings are judged for each minute in between.
--
-- SECURITY DEFINER functions:
--   tocsin_internal.does_cron_log()  reads cron.log_run, which members may not examine

create function tocsin_internal.has_columns(p_table text, p_columns text[]) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  -- planned once for a beat, which asks of four tables
  return (
    select count(*) = cardinality(p_columns) from pg_catalog.pg_attribute
    where attrelid = to_regclass(p_table) and attname = any (p_columns) and not attisdropped);
end
$$;

comment on function tocsin_internal.has_columns(text, text[]) is
  'Whether there is such a table, and it has these columns.';

create function tocsin_internal.can_see_cron() returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  -- before 1.3 there were no run details
  return tocsin_internal.has_extension('pg_cron')
    and tocsin_internal.has_columns('cron.job', array['jobid', 'jobname', 'schedule', 'active'])
    and tocsin_internal.has_columns('cron.job_run_details', array['jobid', 'runid', 'command',
      'status', 'return_message', 'start_time', 'end_time']);
end
$$;

comment on function tocsin_internal.can_see_cron() is
  'Whether there is a pg_cron, of a version whose tables can be read.';

create function tocsin_internal.does_cron_log() returns boolean
language sql stable security definer set search_path = ''
as $$ select coalesce(current_setting('cron.log_run', true), 'on') <> 'off' $$;

comment on function tocsin_internal.does_cron_log() is
  'Whether pg_cron writes down its runs; when not, nobody can tell which were missed.';

create function tocsin_internal.judge_missed(p_now timestamptz) returns void
language sql set search_path = ''
as $$
  update tocsin.cron_jobs k
  set missed_since = j.since, missed_count = j.count
  from (
    select k.job_id, case when m.is_missed then k.next_due_at end as since,
      case when m.is_missed then (
        select count(*) from tocsin_internal.due_times(k.plan, k.next_due_at
          - case when (k.plan).seconds is null then interval '1 second'
            else make_interval(secs => (k.plan).seconds) end, p_now, 1000,
          tocsin_internal.cron_timezone())) else 0 end as count
    from tocsin.cron_jobs k
    cross join lateral (
      select coalesce(k.is_active and k.gone_at is null and tocsin_internal.does_cron_log()
        and k.next_due_at <= p_now - interval '5 minutes', false) as is_missed
    ) as m
    where m.is_missed or k.missed_since is not null
  ) as j
  where k.job_id = j.job_id
    and (k.missed_since, k.missed_count) is distinct from (j.since, j.count::int)
$$;

comment on function tocsin_internal.judge_missed(timestamptz) is
  'Notes which jobs have not begun five minutes after they were due, and how often since.';

create function tocsin_internal.tell_absence(p_from timestamptz, p_now timestamptz) returns void
language plpgsql set search_path = ''
as $$
declare
  v_error tocsin_internal.reported_errors;
  v_missed text;
begin
  if p_now < p_from + interval '5 minutes' or not tocsin_internal.does_cron_log() or exists (
    select from tocsin.cron_metrics m
    where m.last_started_at > p_from and m.last_started_at < p_now - interval '1 minute'
      and m.minute >= date_trunc('minute', p_from))
  then
    return;
  end if;
  select string_agg(format('%s (%s)', d.job_name, case d.count when 1 then 'once'
    when 1000 then 'more than 1,000 times' else d.count || ' times' end), ', '
    order by d.job_name) into v_missed
  from (
    select k.job_name, (
      select count(*) from tocsin_internal.due_times(k.plan, greatest(p_from, k.scheduled_since),
        p_now - interval '1 minute', 1000, tocsin_internal.cron_timezone())) as count
    from tocsin.cron_jobs k
    where k.is_active and k.gone_at is null and k.job_name not like 'tocsin-%'
    order by k.job_name limit 100
  ) as d
  where d.count > 0;
  if v_missed is null then
    return; -- nobody's job was due: only the heart stood still, which doctor() tells
  end if;
  v_error.error_id := md5(concat_ws('/', 'pg_cron', 'absence', p_from, p_now))::uuid;
  v_error.timestamp := p_now;
  v_error.source := 'system';
  v_error.error_type := 'system';
  v_error.component := 'pg_cron';
  v_error.message := format('pg_cron began no job from %s to %s UTC. Missed: %s.',
    to_char(p_from at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
    to_char(p_now at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), v_missed);
  perform tocsin_internal.append_watched(array[v_error]);
end
$$;

comment on function tocsin_internal.tell_absence(timestamptz, timestamptz) is
  'Makes one failure event of a time in which pg_cron began nothing though jobs were due, once it '
  'is back.';

create function tocsin_internal.watch_cron(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_before timestamptz;
  v_count bigint;
begin
  if not tocsin_internal.can_see_cron() then
    update tocsin.cron_jobs set gone_at = p_now, next_due_at = null, running_since = null,
      missed_since = null, missed_count = 0 where gone_at is null;
    return 0;
  end if;
  select watched_at into v_before from tocsin_internal.watchers where watcher = 'pg_cron';
  perform tocsin_internal.read_cron_jobs(p_now);
  v_count := tocsin_internal.read_cron_runs(p_now);
  if date_trunc('minute', v_before) is distinct from date_trunc('minute', p_now) then
    perform tocsin_internal.tell_absence(v_before, p_now);
    perform tocsin_internal.judge_missed(p_now);
  end if;
  return v_count;
end
$$;

comment on function tocsin_internal.watch_cron(timestamptz) is
  'Reads what the jobs of pg_cron did since the last beat, makes failure events of what failed, '
  'and notes what was missed. A stage of the heart. Returns how many runs it read.';

create function tocsin_internal.prune_cron_metrics(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with metrics as (
    delete from tocsin.cron_metrics where (job_id, minute) in (
      select m.job_id, m.minute from tocsin.cron_metrics m
      where m.minute < p_now - interval '9 days'
        -- the last of a job says how it fares, however seldom it runs
        and exists (select from tocsin.cron_metrics n
          where n.job_id = m.job_id and n.minute > m.minute and n.run_count > 0
            and n.minute < p_now - interval '9 days'
            and (m.last_started_at is null or n.last_started_at is not null))
      limit p_limit)
    returning 1
  ),
  jobs as (
    delete from tocsin.cron_jobs where gone_at < p_now - interval '9 days' returning job_id
  )
  select count(*) from metrics
$$;

comment on function tocsin_internal.prune_cron_metrics(timestamptz, int) is
  'Drops what the jobs of pg_cron did after 9 days, but for the last of each, and jobs that are '
  'gone. A step of maintain().';

revoke all on all functions in schema tocsin_internal from public;
