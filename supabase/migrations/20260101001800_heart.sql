-- The heart: the stages that run every five seconds, and the hourly upkeep.
--
-- pg_cron runs one command that calls each stage and commits between them, so that what one stage
-- did stands whatever becomes of the next. Each stage takes its own advisory lock (two beats at
-- once
-- do not do the work twice), and a stage that fails leaves a row in stage_faults.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.stage_names() returns text[]
language sql immutable set search_path = ''
as $$
  select array['roll_up', 'claim_failures', 'ingest', 'close_windows', 'queue_deliveries',
    'ring_doorbell', 'accept_invited_operators']
$$;

comment on function tocsin_internal.stage_names() is 'The stages of the heart, in order.';

create function tocsin_internal.ring_doorbell(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_url text;
  v_token text;
  v_request_id bigint;
begin
  if not exists (
    select from tocsin.deliveries
    where state = 'pending' and next_attempt_at <= p_now and msg_id is not null
  ) then
    return 0;
  end if;

  select functions_url into v_url from tocsin_internal.installation;
  if v_url is null or not tocsin_internal.has_extension('pg_net')
    or not tocsin_internal.has_extension('supabase_vault')
  then
    return 0;
  end if;
  select tocsin_internal.read_secret(id) into v_token from vault.secrets
  where name = 'tocsin_doorbell_token';
  if v_token is null then
    return 0;
  end if;

  -- The tables of pg_net can be read by every role: no service key, only a token that opens a
  -- drain.
  -- The function answers at once and drains afterwards: nobody else's request waits behind it.
  v_request_id := net.http_post(
    url := v_url || '/tocsin-notify',
    body := '{"type": "drain"}'::jsonb,
    headers := jsonb_build_object('content-type', 'application/json', 'x-tocsin-token', v_token),
    timeout_milliseconds := 5000);
  update tocsin_internal.installation
  set last_doorbell_id = v_request_id, last_doorbell_at = p_now where is_the_only_row;
  return 1;
end
$$;

comment on function tocsin_internal.ring_doorbell(timestamptz) is
  'Rings tocsin-notify through pg_net when deliveries are due. A stage of the heart. doctor() says '
  'what keeps it from ringing.';

create function tocsin_internal.run_stage(
  p_stage text, p_now timestamptz default clock_timestamp()
) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_began constant timestamptz := clock_timestamp();
  v_result bigint;
  v_context text;
begin
  if p_stage <> all (tocsin_internal.stage_names()) then
    raise exception 'The heart has no stage "%"', p_stage using errcode = 'TC015',
      hint = 'Its stages are: ' || array_to_string(tocsin_internal.stage_names(), ', ');
  end if;
  if not pg_try_advisory_xact_lock(hashtext('tocsin'), hashtext(p_stage)) then
    return null;
  end if;

  begin
    if p_stage = 'accept_invited_operators' then
      v_result := tocsin_internal.accept_invited_operators();
    else
      execute format('select tocsin_internal.%I($1)', p_stage) into v_result using p_now;
    end if;
    insert into tocsin_internal.stages (stage, last_run_at, last_duration_ms, last_result)
    values (p_stage, p_now, extract(epoch from clock_timestamp() - v_began) * 1000, v_result)
    on conflict (stage) do update set last_run_at = excluded.last_run_at,
      last_duration_ms = excluded.last_duration_ms, last_result = excluded.last_result;
  exception when others then
    get stacked diagnostics v_context = pg_exception_context;
    perform tocsin_internal.record_fault(p_stage, sqlstate, sqlerrm, v_context, p_now);
  end;
  return v_result;
end
$$;

comment on function tocsin_internal.run_stage(text, timestamptz) is
  'Runs one stage, alone and guarded. Returns what it handled; null when it failed or is running. '
  'Raises TC015 for a stage that is not there.';

create function tocsin_internal.tick(p_now timestamptz default clock_timestamp())
returns table (stage text, handled bigint)
language sql set search_path = ''
as $$
  select name, tocsin_internal.run_stage(name, p_now)
  from unnest(tocsin_internal.stage_names()) with ordinality as s (name, place)
  order by place
$$;

comment on function tocsin_internal.tick(timestamptz) is
  'One beat of the heart in one transaction: the entry for tests and for hand. pg_cron runs the '
  'same '
  'stages with commits between them.';

create function tocsin_internal.beat_command() returns text
language sql immutable set search_path = ''
as $$
  select string_agg(
    format('select tocsin_internal.run_stage(%L); commit', name), '; ' order by place)
  from unnest(tocsin_internal.stage_names()) with ordinality as s (name, place)
$$;

comment on function tocsin_internal.beat_command() is 'What pg_cron runs for the heart.';

create function tocsin_internal.maintain(p_now timestamptz default clock_timestamp())
returns void
language plpgsql set search_path = ''
as $$
declare
  v_batch constant int := 10000;
begin
  if not pg_try_advisory_xact_lock(hashtext('tocsin'), hashtext('maintain')) then
    return;
  end if;

  delete from tocsin_internal.stage_faults where happened_at < p_now - interval '7 days';
  delete from tocsin_internal.signaled_failures where ctid = any (array(
    select ctid from tocsin_internal.signaled_failures
    where failed_at < p_now - interval '35 days' limit v_batch));
  delete from tocsin_internal.throttle_windows where closed_at < p_now - interval '90 days';
  delete from tocsin.alert_logs where log_id = any (array(
    select log_id from tocsin.alert_logs
    where decided_at < p_now - interval '90 days' limit v_batch));
  -- what still waits to be sent is kept, however old
  delete from tocsin.notifications where notification_id = any (array(
    select n.notification_id from tocsin.notifications n
    where n.decided_at < p_now - interval '90 days' and not exists (
      select from tocsin.deliveries d
      where d.notification_id = n.notification_id and d.state in ('pending', 'sending'))
    limit v_batch));
  delete from tocsin.error_metrics where error_id = any (array(
    select error_id from tocsin.error_metrics
    -- by when it came in: a run that was imported late has its summary still to come
    where timestamp < p_now - interval '30 days' and ingested_at < p_now - interval '30 days'
    limit v_batch));
  perform tocsin_internal.prune_buckets(p_now, v_batch);
  -- where somebody else signs people in, auth.users is empty and says nothing about them
  if exists (select from auth.users) then
    delete from tocsin.project_members m
    where not exists (select from auth.users u where u.id = m.user_id);
    delete from tocsin.operators o
    where not exists (select from auth.users u where u.id = o.user_id);
  end if;

  if tocsin_internal.has_extension('pg_cron') then
    delete from cron.job_run_details where runid = any (array(
      select d.runid from cron.job_run_details d
      where d.jobid in (
          select jobid from cron.job where jobname in ('tocsin-heart', 'tocsin-upkeep'))
        and d.end_time < p_now - interval '1 day'
      order by d.runid limit v_batch * 5));
  end if;
end
$$;

comment on function tocsin_internal.maintain(timestamptz) is
  'Hourly upkeep: retention in small batches, members and operators who are gone, and the heart''s '
  'own rows in cron.job_run_details after a day.';

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
  perform cron.schedule('tocsin-upkeep', '7 * * * *', 'select tocsin_internal.maintain()');
end
$$;

comment on function tocsin_internal.schedule_jobs() is
  'Schedules the heart and the upkeep with pg_cron, or brings them up to date.';

select tocsin_internal.schedule_jobs();

revoke all on all functions in schema tocsin_internal from public;
