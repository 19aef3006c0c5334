-- Upkeep: what happens once an hour, and the schedule of it and of the heart.
--
-- Each step drops a batch of what is over and says how much that was; it is repeated until nothing
-- is left or the time is up. A step that fails leaves a row in stage_faults and the others go on.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.prune_records(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with faults as (
    delete from tocsin_internal.stage_faults where happened_at < p_now - interval '7 days'
    returning 1
  ),
  windows as (
    delete from tocsin_internal.throttle_windows
    where closed_at < p_now - tocsin_internal.kept_for('alert_logs')
    returning 1
  ),
  aside as (
    delete from tocsin_internal.outcomes_set_aside where set_aside_at < p_now - interval '90 days'
    returning 1
  ),
  actions as (
    delete from tocsin.dead_letter_actions where made_at < p_now - interval '400 days'
    returning 1
  )
  select greatest((select count(*) from faults), (select count(*) from windows),
    (select count(*) from aside), (select count(*) from actions))
$$;

comment on function tocsin_internal.prune_records(timestamptz, int) is
  'Drops faults after a week, outcomes that were set aside after 90 days, and windows that are '
  'over when the decisions that fell into them go. A step of maintain().';

create function tocsin_internal.prune_notifications(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  -- what still waits to be sent is kept, however old
  with gone as (
    delete from tocsin.notifications where notification_id = any (array(
      select n.notification_id from tocsin.notifications n
      where n.decided_at < p_now - tocsin_internal.kept_for('alert_logs') and not exists (
        select from tocsin.deliveries d
        where d.notification_id = n.notification_id and d.state in ('pending', 'sending'))
      limit p_limit))
    returning 1
  )
  select count(*) from gone
$$;

comment on function tocsin_internal.prune_notifications(timestamptz, int) is
  'Drops notifications, with their deliveries, as long after they were decided as tocsin.retention '
  'keeps decisions. A step of maintain().';

create function tocsin_internal.prune_counted_runs(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  -- but for those that a backfill is to leave out: they tell a time that is not counted
  with gone as (
    delete from tocsin_internal.counted_runs r
    using (
      select o.source_id, o.run_id from tocsin_internal.counted_runs o
      left join tocsin_internal.counted_ranges c using (source_id)
      where o.captured_at < p_now - interval '35 days'
        and (c.source_id is null or o.finished_at is null or not isfinite(o.finished_at)
          or c.watched @> o.finished_at or c.backfilled @> o.finished_at)
      limit p_limit
    ) as old
    where r.source_id = old.source_id and r.run_id = old.run_id
    returning 1
  )
  select count(*) from gone
$$;

comment on function tocsin_internal.prune_counted_runs(timestamptz, int) is
  'Forgets what was counted of single runs after 35 days. A step of maintain().';

create function tocsin_internal.prune_members(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  -- where somebody else signs people in, auth.users is empty and says nothing about them
  with members as (
    delete from tocsin.project_members m
    where exists (select from auth.users)
      and not exists (select from auth.users u where u.id = m.user_id)
    returning 1
  ),
  operators as (
    delete from tocsin.operators o
    where exists (select from auth.users)
      and not exists (select from auth.users u where u.id = o.user_id)
    returning 1
  )
  select 0 * ((select count(*) from members) + (select count(*) from operators))
$$;

comment on function tocsin_internal.prune_members(timestamptz, int) is
  'Takes members and operators off whose account is gone. A step of maintain().';

create function tocsin_internal.prune_cron_details(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = '' set enable_seqscan = off
as $$
declare
  v_from constant bigint := coalesce((
    select pruned_id from tocsin_internal.watchers where watcher = 'pg_cron'), 0);
  v_until bigint;
  v_read bigint;
  v_count bigint;
begin
  if not tocsin_internal.has_extension('pg_cron') then
    return 0;
  end if;
  -- The host's own jobs may have left millions of rows, and the only index is that of runid: each
  -- row is read once, and the next time begins behind it.
  with page as materialized (
    select d.runid, d.jobid, coalesce(d.end_time, d.start_time, p_now) as at
    from cron.job_run_details d where d.runid > v_from order by d.runid limit p_limit
  ),
  gone as (
    delete from cron.job_run_details where runid = any (array(
      select g.runid from page g
      where g.at < p_now - interval '1 day' and g.jobid in (
        select jobid from cron.job where jobname in ('tocsin-heart', 'tocsin-upkeep'))))
    returning 1
  )
  select count(*), (select count(*) from gone),
    coalesce(min(g.runid) filter (where g.at >= p_now - interval '1 day') - 1, max(g.runid))
  into v_read, v_count, v_until from page g;
  update tocsin_internal.watchers set pruned_id = v_until
  where watcher = 'pg_cron' and v_until > v_from;
  -- a page that is over as a whole is not the last
  return case when found and v_read = p_limit then p_limit else least(v_count, p_limit - 1) end;
end
$$;

comment on function tocsin_internal.prune_cron_details(timestamptz, int) is
  'Drops Tocsin''s own rows of cron.job_run_details after a day. A step of maintain().';

create function tocsin_internal.prune_channel_secrets(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not tocsin_internal.has_extension('supabase_vault') then
    return 0;
  end if;
  delete from tocsin_internal.old_channel_secrets where signs_until < p_now;
  -- what has been rotated out, and what was made for a row that was not inserted in the end
  delete from vault.secrets where id = any (array(
    select s.id from vault.secrets s
    where s.name like 'tocsin\_channel\_%' and s.created_at < p_now - interval '1 hour'
      and not exists (select from tocsin.alert_channels c where c.secret_id = s.id)
      and not exists (
        select from tocsin_internal.old_channel_secrets o where o.secret_id = s.id)
    limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.prune_channel_secrets(timestamptz, int) is
  'Drops the secrets of channels that sign no more. A step of maintain().';

create function tocsin_internal.upkeep_steps() returns text[]
language sql immutable set search_path = ''
as $$
  select array['make_error_partitions', 'make_log_partitions',
    'make_queue_partitions', 'sum_queues', 'prune_queues', 'prune_buckets',
    'prune_counted_runs', 'prune_errors', 'prune_seen_errors', 'prune_error_counts', 'prune_logs',
    'prune_alerts', 'prune_long_runs', 'prune_forwardings', 'prune_notifications', 'prune_records',
    'prune_members', 'prune_cron_details', 'prune_cron_metrics', 'prune_webhook_metrics',
    'prune_configuration_changes', 'prune_channel_secrets', 'prune_beats', 'prune_api_requests',
    'prune_troubles', 'count_unaccounted']
$$;

comment on function tocsin_internal.upkeep_steps() is
  'The steps of maintain(), in order: functions of (p_now, p_limit) that return how much they '
  'dropped of one kind.';

create function tocsin_internal.run_upkeep_step(
  p_step text, p_now timestamptz default clock_timestamp(), p_limit int default 10000
) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_dropped bigint;
begin
  execute format('select tocsin_internal.%I($1, $2)', p_step) into v_dropped using p_now, p_limit;
  return v_dropped;
exception when query_canceled or others then
  perform tocsin_internal.record_fault('maintain', sqlstate, sqlerrm, p_step, p_now);
  return 0;
end
$$;

comment on function tocsin_internal.run_upkeep_step(text, timestamptz, int) is
  'Runs one step of maintain(), guarded. Returns how much it dropped; 0 when it failed.';

create function tocsin_internal.maintain(p_now timestamptz default clock_timestamp())
returns void
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_batch constant int := 10000;
  v_until constant timestamptz := clock_timestamp() + interval '20 seconds';
  v_steps text[] := tocsin_internal.upkeep_steps();
  v_began constant timestamptz := clock_timestamp();
  v_step text;
  v_dropped bigint;
  v_all bigint := 0;
begin
  if not pg_try_advisory_xact_lock(hashtext('tocsin'), hashtext('maintain')) then
    return;
  end if;

  -- in turns, so that much of one kind keeps nothing else from being dropped
  while cardinality(v_steps) > 0 and clock_timestamp() < v_until loop
    foreach v_step in array v_steps loop
      v_dropped := tocsin_internal.run_upkeep_step(v_step, p_now, v_batch);
      v_all := v_all + v_dropped;
      if v_dropped < v_batch then
        v_steps := array_remove(v_steps, v_step);
      end if;
    end loop;
  end loop;
  insert into tocsin_internal.stages (stage, last_run_at, last_duration_ms, last_result)
  values ('maintain', p_now, extract(epoch from clock_timestamp() - v_began) * 1000, v_all)
  on conflict (stage) do update set last_run_at = excluded.last_run_at,
    last_duration_ms = excluded.last_duration_ms, last_result = excluded.last_result;
end
$$;

comment on function tocsin_internal.maintain(timestamptz) is
  'Hourly upkeep: each step of upkeep_steps(), batch by batch, for up to 20 seconds.';

create function tocsin_internal.upkeep_command() returns text
language sql immutable set search_path = ''
as $$
  -- What makes and drops partitions is committed at once: until then nobody reads or writes the
  -- table, and the heart would wait for all the other steps as well.
  select string_agg(format('select tocsin_internal.run_upkeep_step(%L); commit; ', s.step), ''
    order by s.place) || 'select tocsin_internal.maintain()'
  from unnest(array['make_error_partitions', 'make_log_partitions', 'make_queue_partitions',
    'prune_errors', 'prune_logs', 'prune_queues']) with ordinality as s (step, place)
$$;

comment on function tocsin_internal.upkeep_command() is
  'What pg_cron runs for the upkeep: maintain(), after the steps that lock tables.';

create function tocsin_internal.schedule_jobs() returns void
language plpgsql set search_path = ''
as $$
declare
  v_version text;
begin
  select extversion into v_version from pg_catalog.pg_extension where extname = 'pg_cron';
  if v_version is null then
    return;
  end if;
  -- seconds came with pg_cron 1.5
  perform cron.schedule('tocsin-heart',
    case when string_to_array(v_version, '.')::int[] >= array[1, 5] then '5 seconds'
      else '* * * * *' end, tocsin_internal.beat_command());
  perform cron.schedule('tocsin-upkeep', '7 * * * *', tocsin_internal.upkeep_command());
end
$$;

comment on function tocsin_internal.schedule_jobs() is
  'Schedules the heart and the upkeep with pg_cron, or brings them up to date.';

revoke all on all functions in schema tocsin_internal from public;
