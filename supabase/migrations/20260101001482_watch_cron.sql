-- Watching pg_cron: a stage of the heart reads what its jobs did since the last beat.
--
-- cron.job_run_details has no index but that of runid, no trigger can be put on it, and pg_cron
-- goes on writing to a row until the run has ended. So it is read from the last runid on, and the
-- rows of runs that had not ended are remembered and looked at again. pg_cron's scheduler is one
-- process, which takes a runid and commits it before the next: no row comes late. What was read and
-- what became of it commit together: nothing is told twice, whatever crashes.
--
-- pg_cron runs one instance of a job at a time. A run that has no end though a later one of its job
-- began was lost, as happens when the server restarts while it connects.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.cron_run as (
  run_id bigint,
  job_id bigint,
  status text,
  message text,
  started_at timestamptz,
  ended_at timestamptz
);
comment on type tocsin_internal.cron_run is 'A row of cron.job_run_details, as far as it is used.';

create function tocsin_internal.clean_cron_message(p_message text) returns text
language sql immutable set search_path = ''
as $$
  -- "ERROR:  division by zero\nCONTEXT:  …\n", as libpq or a background worker words it
  select nullif(regexp_replace(btrim(left(p_message, 20000), E' \t\n'),
    '^(ERROR|FATAL|PANIC):\s+', ''), '')
$$;

comment on function tocsin_internal.clean_cron_message(text) is
  'What a run returned, without the word ERROR before it.';

create function tocsin_internal.read_cron_jobs(p_now timestamptz) returns void
language plpgsql set search_path = ''
as $$
declare
  v_job record;
  v_plan tocsin_internal.cron_plan;
  v_is_new boolean;
  v_before bigint;
begin
  -- unscheduled on purpose
  update tocsin.cron_jobs k
  set gone_at = p_now, next_due_at = null, running_since = null, missed_since = null,
    missed_count = 0
  where k.gone_at is null and not exists (select from cron.job j where j.jobid = k.job_id);

  for v_job in
    select j.jobid, left(coalesce(nullif(j.jobname, ''), 'job ' || j.jobid), 200) as name,
      j.schedule, j.active, k.job_id, k.schedule as old_schedule, k.is_active, k.gone_at
    from cron.job j left join tocsin.cron_jobs k on k.job_id = j.jobid
    where j.jobname is distinct from 'tocsin-heart' and (k.job_id is null or k.gone_at is not null
      or k.schedule <> j.schedule or k.is_active <> j.active
      or k.job_name <> left(coalesce(nullif(j.jobname, ''), 'job ' || j.jobid), 200))
  loop
    v_plan := tocsin_internal.parse_cron(v_job.schedule);
    v_is_new := v_job.job_id is null or v_job.gone_at is not null
      or v_job.old_schedule <> v_job.schedule or not v_job.is_active;
    if v_job.job_id is null then
      -- one that was unscheduled and scheduled again, as migrations do, is the same job
      select k.job_id into v_before from tocsin.cron_jobs k
      where k.job_name = v_job.name and k.gone_at > p_now - interval '1 day'
      order by k.gone_at desc, k.job_id desc limit 1;
      update tocsin.cron_metrics set job_id = v_job.jobid where job_id = v_before;
      update tocsin.cron_jobs set job_id = v_job.jobid where job_id = v_before;
    end if;
    insert into tocsin.cron_jobs as k (job_id, job_name, schedule, plan, is_active,
      scheduled_since, watched_since, next_due_at)
    values (v_job.jobid, v_job.name, v_job.schedule, v_plan, v_job.active, p_now, p_now,
      case when v_job.active then
        tocsin_internal.next_due(v_plan, p_now, tocsin_internal.cron_timezone()) end)
    on conflict (job_id) do update
      set job_name = excluded.job_name, schedule = excluded.schedule, plan = excluded.plan,
        is_active = excluded.is_active, gone_at = null,
        scheduled_since = case when v_is_new then p_now else k.scheduled_since end,
        next_due_at = case when v_is_new or not excluded.is_active then excluded.next_due_at
          else k.next_due_at end,
        missed_since = case when v_is_new then null else k.missed_since end,
        missed_count = case when v_is_new then 0 else k.missed_count end;
  end loop;
end
$$;

comment on function tocsin_internal.read_cron_jobs(timestamptz) is
  'Notes which jobs pg_cron has, with which schedules, and which are gone.';

create function tocsin_internal.keep_cron_runs(
  p_runs tocsin_internal.cron_run[], p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
begin
  -- what ended
  insert into tocsin.cron_metrics as m (job_id, minute, run_count, failure_count, failures_in_row,
    most_failures_in_row, longest_ms, total_ms, usual_ms)
  select t.job_id, t.minute, count(*), count(*) filter (where t.is_failure),
    (array_agg(t.streak order by t.run_id desc))[1], max(t.streak), max(t.ms),
    coalesce(sum(t.ms), 0),
    case when cardinality(t.recent_ms) >= 5 then (
      select percentile_cont(0.5) within group (order by ms) from unnest(t.recent_ms) as ms) end
  from (
    select s.*, case when not s.is_failure then 0
      else count(*) filter (where s.is_failure) over (
          partition by s.job_id, s.segment order by s.run_id)
        + case s.segment when 0 then s.failures_before else 0 end end as streak
    from (
      select r.run_id, r.job_id, date_trunc('minute', r.ended_at) as minute, k.recent_ms,
        r.status = 'failed' as is_failure, k.failures_in_row as failures_before,
        extract(epoch from r.ended_at - r.started_at)::double precision * 1000 as ms,
        count(*) filter (where r.status <> 'failed') over (
          partition by r.job_id order by r.run_id) as segment
      from unnest(p_runs) as r join tocsin.cron_jobs k on k.job_id = r.job_id
      where r.ended_at is not null
    ) as s
  ) as t
  group by t.job_id, t.minute, t.recent_ms
  order by t.job_id, t.minute
  on conflict (job_id, minute) do update
    set run_count = m.run_count + excluded.run_count,
      failure_count = m.failure_count + excluded.failure_count,
      failures_in_row = excluded.failures_in_row,
      most_failures_in_row = greatest(m.most_failures_in_row, excluded.most_failures_in_row),
      longest_ms = greatest(m.longest_ms, excluded.longest_ms),
      total_ms = m.total_ms + excluded.total_ms,
      usual_ms = coalesce(m.usual_ms, excluded.usual_ms);

  -- what began
  insert into tocsin.cron_metrics as m (job_id, minute, last_started_at)
  select r.job_id, date_trunc('minute', r.started_at), max(r.started_at)
  from unnest(p_runs) as r join tocsin.cron_jobs k on k.job_id = r.job_id
  where r.started_at is not null
  group by 1, 2 order by 1, 2
  on conflict (job_id, minute) do update
    set last_started_at = greatest(m.last_started_at, excluded.last_started_at);

  update tocsin.cron_jobs k
  set last_run_id = greatest(k.last_run_id, n.last_run_id),
    last_started_at = greatest(k.last_started_at, n.last_started_at),
    last_finished_at = coalesce((n.ended).ended_at, k.last_finished_at),
    last_status = coalesce((n.ended).status, k.last_status),
    last_message = case when (n.ended).run_id is null then k.last_message
      else left((tocsin_internal.redact_texts(array[(n.ended).message], 2000))[1], 500) end,
    last_duration_ms = coalesce(n.durations[cardinality(n.durations)], k.last_duration_ms),
    running_since = case when (n.newest).ended_at is null then
      coalesce((n.newest).started_at, p_now) end,
    failures_in_row = coalesce(n.failures_in_row, k.failures_in_row),
    recent_ms = (k.recent_ms || n.durations)[
      greatest(1, cardinality(k.recent_ms) + cardinality(n.durations) - 99) :],
    next_due_at = case when k.is_active and k.gone_at is null then
      tocsin_internal.next_due(k.plan, greatest(k.last_started_at, n.last_started_at,
        k.scheduled_since), tocsin_internal.cron_timezone()) end
  from (
    select r.job_id, max(r.run_id) as last_run_id, max(r.started_at) as last_started_at,
      (array_agg(r order by r.run_id desc))[1] as newest,
      (array_agg(r order by r.run_id desc) filter (where r.ended_at is not null))[1] as ended,
      coalesce(array_agg(extract(epoch from r.ended_at - r.started_at)::double precision * 1000
        order by r.run_id) filter (where r.ended_at is not null), '{}') as durations,
      (select m.failures_in_row from tocsin.cron_metrics m
        where m.job_id = r.job_id and m.run_count > 0
          and m.minute = date_trunc('minute', max(r.ended_at))) as failures_in_row
    from unnest(p_runs) as r group by r.job_id
  ) as n
  where k.job_id = n.job_id;
end
$$;

comment on function tocsin_internal.keep_cron_runs(tocsin_internal.cron_run[], timestamptz) is
  'Writes down how the jobs of these runs fare.';

create function tocsin_internal.tell_cron_failures(
  p_runs tocsin_internal.cron_run[], p_since timestamptz, p_now timestamptz
) returns void
language sql set search_path = ''
as $$
  select tocsin_internal.append_watched(array_agg(e.error)) from (
    select jsonb_populate_record(null::tocsin_internal.reported_errors, jsonb_build_object(
      'error_id', md5(concat_ws('/', 'pg_cron', r.run_id, r.job_id, r.started_at))::uuid,
      'timestamp', r.ended_at, 'source', 'system', 'component', 'pg_cron', 'run_id', r.run_id,
      'workflow_id', coalesce(k.job_name, 'job ' || r.job_id),
      'message', coalesce(r.message, 'The run failed, and pg_cron does not say why.'),
      'metadata', jsonb_build_object('job_id', r.job_id, 'schedule', k.schedule,
        'started_at', r.started_at))) as error
    from unnest(p_runs) as r left join tocsin.cron_jobs k on k.job_id = r.job_id
    where r.status = 'failed' and r.ended_at >= p_since
    order by r.run_id
  ) as e having count(*) > 0
$$;

comment on function tocsin_internal.tell_cron_failures(tocsin_internal.cron_run[], timestamptz,
  timestamptz) is
  'Makes a failure event of each run that failed, but for those that ended before p_since.';

create function tocsin_internal.read_cron_runs(p_now timestamptz) returns bigint
language plpgsql set search_path = '' set enable_seqscan = off
as $$
declare
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_table constant oid := to_regclass('cron.job_run_details')::oid;
  v_watcher tocsin_internal.watchers;
  v_open bigint[];
  v_runs tocsin_internal.cron_run[];
  v_last bigint;
  v_total bigint := 0;
begin
  select * into v_watcher from tocsin_internal.watchers where watcher = 'pg_cron' for update;
  if v_watcher.watcher is null then
    -- the last runs from before say how the jobs fare
    insert into tocsin_internal.watchers (watcher, table_oid, last_id, pruned_id, watched_since,
      watched_at)
    select 'pg_cron', v_table, d.id, d.id, least(p_now, i.installed_at), p_now
    from (
      select greatest(coalesce(max(runid), 0) - 1000, 0) as id from cron.job_run_details) as d
    cross join (select installed_at from tocsin_internal.installation) as i
    returning * into v_watcher;
  elsif v_watcher.table_oid is distinct from v_table then
    -- the extension was made anew, and counts from 1 again unless its rows were restored
    select case when coalesce(max(runid), 0) < v_watcher.last_id then 0 else v_watcher.last_id end
    into v_watcher.last_id from cron.job_run_details;
    delete from tocsin_internal.open_cron_runs;
    if v_watcher.last_id = 0 then
      -- a run of a small id is none of those from before
      update tocsin.cron_jobs set last_run_id = null where last_run_id is not null;
      update tocsin_internal.watchers set pruned_id = 0 where watcher = 'pg_cron';
    end if;
  end if;

  v_open := array(select run_id from tocsin_internal.open_cron_runs);
  loop
    select array_agg(row(d.runid, d.jobid, d.status, d.return_message, d.start_time,
        d.end_time)::tocsin_internal.cron_run order by d.runid)
        filter (where d.command not like 'select tocsin\_internal.run\_stage(%'),
      max(d.runid)
    into v_runs, v_last
    from (
      select * from cron.job_run_details where runid = any (v_open)
      union all
      (select * from cron.job_run_details where runid > v_watcher.last_id
       order by runid limit 1000)
    ) as d;
    delete from tocsin_internal.open_cron_runs where run_id = any (v_open); -- or pruned meanwhile
    exit when v_last is null;

    select array_agg(row(r.run_id, r.job_id, case when r.is_lost then 'failed' else r.status end,
      case when r.is_lost then format('pg_cron did not note how the run ended; the last it noted '
        'is "%s".', r.status) when r.is_over then tocsin_internal.clean_cron_message(r.message) end,
      case when r.is_over or r.is_lost then coalesce(r.started_at, r.ended_at, p_now)
        else r.started_at end,
      case when r.is_lost then p_now when r.is_over then coalesce(r.ended_at, p_now) end
      )::tocsin_internal.cron_run order by r.run_id)
    into v_runs
    from (
      select u.*, u.status in ('succeeded', 'failed') as is_over,
        u.status not in ('succeeded', 'failed') and (k.last_run_id > u.run_id
          or lead(u.run_id) over (partition by u.job_id order by u.run_id) is not null) as is_lost
      from unnest(v_runs) as u left join tocsin.cron_jobs k on k.job_id = u.job_id
    ) as r;
    insert into tocsin_internal.open_cron_runs (run_id, job_id)
    select run_id, job_id from unnest(v_runs) where ended_at is null;
    perform tocsin_internal.keep_cron_runs(v_runs, p_now);
    perform tocsin_internal.tell_cron_failures(v_runs, v_watcher.watched_since, p_now);

    v_total := v_total + coalesce(cardinality(v_runs), 0);
    exit when v_last <= v_watcher.last_id or clock_timestamp() > v_until;
    v_watcher.last_id := v_last;
    v_open := '{}';
  end loop;
  update tocsin_internal.watchers set last_id = greatest(v_watcher.last_id, v_last),
    table_oid = v_table, watched_at = p_now
  where watcher = 'pg_cron';
  return v_total;
end
$$;

comment on function tocsin_internal.read_cron_runs(timestamptz) is
  'Reads the runs of pg_cron that began or ended since the last time, for up to two seconds. '
  'Returns how many.';

revoke all on all functions in schema tocsin_internal from public;
