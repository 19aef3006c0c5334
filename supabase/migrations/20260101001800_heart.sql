-- The heart: the stages that run every five seconds.
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
  -- samples first: whatever the others take, they come when they are due
  select array['sample_queues', 'roll_up', 'backfill', 'claim_failures', 'ingest',
    'find_long_runs', 'watch_cron', 'watch_webhooks', 'ingest_reports', 'evaluate',
    'close_windows', 'remind', 'watch_itself', 'queue_deliveries', 'ring_doorbell',
    'look_up_names', 'accept_invited_operators', 'note_beat']
$$;

comment on function tocsin_internal.stage_names() is 'The stages of the heart, in order.';

create function tocsin_internal.ring(p_now timestamptz) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_url text;
  v_token text;
  v_request_id bigint;
begin
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
    body := case when tocsin_internal.is_heartbeat_due(p_now)
      then '{"type": "drain", "heartbeat": true}' else '{"type": "drain"}' end::jsonb,
    headers := jsonb_build_object('content-type', 'application/json', 'x-tocsin-token', v_token),
    timeout_milliseconds := 5000);
  -- no webhook of anybody's: doctor() tells how it is answered
  insert into tocsin_internal.request_labels (request_id) values (v_request_id);
  update tocsin_internal.installation
  set last_doorbell_id = v_request_id, last_doorbell_at = p_now where is_the_only_row;
  return 1;
end
$$;

comment on function tocsin_internal.ring(timestamptz) is
  'Rings tocsin-notify through pg_net, if it is known how. Returns whether it did.';

create function tocsin_internal.ring_doorbell(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
begin
  if tocsin_internal.anything_to_send(p_now) or tocsin_internal.is_forwarding_due(p_now)
    or tocsin_internal.is_heartbeat_due(p_now)
    -- doctor() is to know before the first alert whether it answers: once an hour for nothing, and
    -- once a minute until it has come in
    or (select last_doorbell_at < p_now - case
          when last_api_call_at >= last_doorbell_at - interval '1 minute' then interval '1 hour'
          else interval '1 minute' end
        from tocsin_internal.installation)
  then
    return tocsin_internal.ring(p_now);
  end if;
  return 0;
end
$$;

comment on function tocsin_internal.ring_doorbell(timestamptz) is
  'Rings tocsin-notify when deliveries, forwardings or the heartbeat are due, once an hour '
  'besides, and once a minute until it has come in. A stage of the heart. doctor() says what keeps '
  'it from ringing.';

create function tocsin_internal.run_stage(
  p_stage text, p_now timestamptz default clock_timestamp()
) returns bigint
language plpgsql set search_path = '' set jit = off
-- the stages behind wait as well
set lock_timeout = '2s'
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
    perform tocsin_internal.note_stage(p_stage, p_now,
      (extract(epoch from clock_timestamp() - v_began) * 1000)::double precision, v_result);
  -- others does not mean it: uncaught, the role's time limit ends the command and all stages in it
  exception when query_canceled or others then
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

revoke all on all functions in schema tocsin_internal from public;
