-- Sending errors on: what tocsin-notify asks for and reports.
--
-- Forwarding begins by itself when the functions hold a forwarder's secret: tocsin-notify says
-- which it holds whenever it asks for work. An error that is stored while it says so for the first
-- time is on one side or the other: storing takes a shared lock, and that first word takes it alone
-- and then looks for what was stored since the secret was last known to be missing.
--
-- A forwarder that fails as a whole is left alone for 5 s, 30 s, 2 min and then 10 min at a time,
-- and one error is tried before the others: no error uses up its attempts in somebody's outage.
--
-- SECURITY DEFINER functions, for service_role alone, since they write what nobody else may:
--   tocsin.claim_forwardings, tocsin.record_forwardings
-- Both raise TC029 for a word that is not understood.

create function tocsin_internal.announce_forwarders(p_forwarders jsonb, p_now timestamptz)
returns void
language plpgsql set search_path = ''
as $$
declare
  v_state tocsin.forwarder_states;
begin
  -- mostly nothing has changed, and nobody is to wait for it
  if not exists (
    select from tocsin.forwarder_states s
    where s.is_configured <> (p_forwarders ? s.forwarder)
      or s.problem is distinct from p_forwarders ->> s.forwarder
      or s.called_at is null or s.called_at < p_now - interval '1 minute')
  then
    return;
  end if;
  if exists (
    select from tocsin.forwarder_states s where s.is_configured <> (p_forwarders ? s.forwarder))
  then
    -- waits for those who are storing errors now; what they stored is seen below
    perform pg_advisory_xact_lock(hashtext('tocsin'), hashtext('forwarders'));
  end if;

  for v_state in
    select * from tocsin.forwarder_states order by forwarder for update
  loop
    update tocsin.forwarder_states s
    set is_configured = p_forwarders ? s.forwarder,
      problem = left(p_forwarders ->> s.forwarder, 500), called_at = p_now,
      -- another secret is another chance
      paused_until = case when s.problem is null and s.is_configured then s.paused_until end
    where s.forwarder = v_state.forwarder;

    if not v_state.is_configured and p_forwarders ? v_state.forwarder then
      insert into tocsin.forwardings (forwarder, error_id, project_id, ingested_at, event_id,
        next_attempt_at, created_at)
      select e.forwarder, e.error_id, e.project_id, e.ingested_at, e.event_id, p_now, p_now
      from (
        select greatest(v_state.called_at, p_now - interval '1 hour') as began_at
      ) as since
      -- a report's id is seen some time before it is stored
      join tocsin_internal.seen_errors s on s.seen_at >= since.began_at - interval '10 minutes'
      join tocsin_internal.forwardable_errors e on e.forwarder = v_state.forwarder
        and e.error_id = s.error_id and e.project_id = s.project_id
        and e.ingested_at >= since.began_at
      on conflict do nothing;
    end if;
  end loop;
end
$$;

comment on function tocsin_internal.announce_forwarders(jsonb, timestamptz) is
  'Takes note of the forwarders whose secrets the functions hold: {forwarder: null, or why it '
  'cannot be used}. One that was not there before also gets the errors stored since it was last '
  'asked for, of an hour at most.';

create function tocsin.claim_forwardings(
  p_forwarders jsonb, p_limit int default 50, p_lease_seconds int default 120,
  p_now timestamptz default clock_timestamp()
) returns table (forwarder text, error_id uuid, project_id text, event_id uuid, attempt int,
  error jsonb)
language plpgsql security definer set search_path = '' set jit = off
as $$
declare
  v_claimed tocsin.forwardings[];
begin
  if jsonb_typeof(p_forwarders) is distinct from 'object' then
    raise exception 'The forwarders are to be an object, not %', p_forwarders
      using errcode = 'TC029', hint = '{"sentry": null}; only tocsin-notify calls this.';
  end if;
  perform tocsin_internal.announce_forwarders(p_forwarders, p_now);

  update tocsin.forwardings w
  set state = 'dead', last_error = 'the sender never reported, ten times over'
  where w.state = 'sending' and w.next_attempt_at <= p_now and w.attempt_count >= 10
    and p_forwarders ? w.forwarder;

  with due as (
    select w.forwarder, w.error_id, w.project_id
    from tocsin.forwarders f
    join tocsin.forwarder_states s on s.forwarder = f.forwarder
    cross join lateral (
      select d.forwarder, d.error_id, d.project_id from tocsin.forwardings d
      where d.forwarder = f.forwarder and d.state in ('pending', 'sending')
        and d.next_attempt_at <= p_now
      order by d.next_attempt_at
      -- one is enough to see whether it is there again
      limit case when s.failure_count > 0 then 1 else least(greatest(1, p_limit), 1000) end
      for update skip locked
    ) as w
    where f.is_enabled and p_forwarders ? f.forwarder and s.problem is null
      and (s.paused_until is null or s.paused_until <= p_now)
  ),
  claimed as (
    update tocsin.forwardings w
    set state = 'sending', attempt_count = w.attempt_count + 1,
      next_attempt_at = p_now + make_interval(secs => greatest(1, p_lease_seconds))
    from due
    where w.forwarder = due.forwarder and w.error_id = due.error_id
      and w.project_id = due.project_id
    returning w
  )
  select array_agg(w) into v_claimed from claimed as c (w);

  return query
  select w.forwarder, w.error_id, w.project_id, w.event_id, w.attempt_count,
    to_jsonb(e) || jsonb_build_object('run_url', tocsin_internal.run_url(e),
      'group_id', g.group_id)
  from unnest(v_claimed) as w
  join tocsin.error_metrics e on e.error_id = w.error_id and e.project_id = w.project_id
    and e.ingested_at = w.ingested_at
  left join tocsin.error_groups g on g.project_id = e.project_id and g.fingerprint = e.fingerprint
  order by w.created_at, w.error_id;

  update tocsin.forwardings w
  set state = 'dead', last_error = 'the error is no longer kept'
  from unnest(v_claimed) as c
  where w.forwarder = c.forwarder and w.error_id = c.error_id and w.project_id = c.project_id
    and not exists (
      select from tocsin.error_metrics e
      where e.error_id = c.error_id and e.project_id = c.project_id
        and e.ingested_at = c.ingested_at);
end
$$;

comment on function tocsin.claim_forwardings(jsonb, int, int, timestamptz) is
  'Takes note of the forwarders whose secrets are there, and hands out up to p_limit due errors '
  'for each under a lease. For service_role. Raises TC029.';

create function tocsin.record_forwardings(
  p_results jsonb, p_pauses jsonb default '{}', p_now timestamptz default clock_timestamp()
) returns int
language plpgsql security definer set search_path = ''
as $$
declare
  v_count int;
begin
  if exists (
    select from jsonb_array_elements(p_results) as r
    where coalesce(r ->> 'outcome', '') not in ('forwarded', 'retry', 'dead', 'released')
      or (r ->> 'outcome' = 'retry' and r ->> 'next_attempt_at' is null))
  then
    raise exception 'A forwarding ends as forwarded, retry (with its time), dead or released'
      using errcode = 'TC029', hint = 'Only tocsin-notify calls this.';
  end if;

  with result as (
    select r ->> 'forwarder' as forwarder, (r ->> 'error_id')::uuid as error_id,
      r ->> 'project_id' as project_id, (r ->> 'attempt')::int as attempt,
      r ->> 'outcome' as outcome, (r ->> 'next_attempt_at')::timestamptz as next_attempt_at,
      (r ->> 'http_status')::int as http_status,
      tocsin_internal.redact(left(r ->> 'error', 1000)) as error
    from jsonb_array_elements(p_results) as r
  ),
  held as (
    -- two senders that report at once never wait for each other in a circle
    select w.forwarder, w.error_id, w.project_id from tocsin.forwardings w
    join result r using (forwarder, error_id, project_id)
    order by w.forwarder, w.error_id, w.project_id for update of w
  )
  update tocsin.forwardings w
  set state = case r.outcome when 'forwarded' then 'forwarded' when 'dead' then 'dead'
      else 'pending' end::tocsin.forwarding_state,
    attempt_count = w.attempt_count - case r.outcome when 'released' then 1 else 0 end,
    next_attempt_at = coalesce(r.next_attempt_at, p_now),
    http_status = coalesce(r.http_status, w.http_status),
    last_error = case r.outcome when 'forwarded' then null else coalesce(r.error, w.last_error) end,
    forwarded_at = case r.outcome when 'forwarded' then p_now end
  from result r join held using (forwarder, error_id, project_id)
  where w.forwarder = r.forwarder and w.error_id = r.error_id and w.project_id = r.project_id
    -- late word of success still counts; late word of anything else does not
    and case r.outcome when 'forwarded' then w.state <> 'forwarded'
      else w.state = 'sending' and w.attempt_count = r.attempt end;
  get diagnostics v_count = row_count;

  update tocsin.forwarder_states s
  set failure_count = 0, paused_until = null, last_forwarded_at = p_now
  where exists (
    select from jsonb_array_elements(p_results) as r
    where r ->> 'forwarder' = s.forwarder and r ->> 'outcome' = 'forwarded');

  update tocsin.forwarder_states s
  set failure_count = s.failure_count + case when p.is_failure then 1 else 0 end,
    last_failed_at = p_now, last_error = tocsin_internal.redact(left(p.error, 1000)),
    paused_until = least(p_now + interval '1 day', greatest(p.until,
      case when p.is_failure then p_now + (array['5 seconds', '30 seconds', '2 minutes',
        '10 minutes']::interval[])[least(s.failure_count + 1, 4)] end))
  from (
    select key as forwarder, (value ->> 'until')::timestamptz as until, value ->> 'error' as error,
      coalesce((value ->> 'is_failure')::boolean, false) as is_failure
    from jsonb_each(p_pauses)
  ) as p
  where s.forwarder = p.forwarder;
  return v_count;
end
$$;

comment on function tocsin.record_forwardings(jsonb, jsonb, timestamptz) is
  'Records how attempts ended: [{forwarder, error_id, project_id, attempt, outcome: forwarded, '
  'retry (with next_attempt_at), dead or released (not attempted), http_status, error}], and '
  'which forwarders are to be left alone: {forwarder: {until, error, is_failure}}. Returns how '
  'many were taken; a claim that lost its lease is not. For service_role. Raises TC029.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.claim_forwardings(jsonb, int, int, timestamptz),
  tocsin.record_forwardings(jsonb, jsonb, timestamptz) from public, anon, authenticated;
grant execute on function tocsin.claim_forwardings(jsonb, int, int, timestamptz),
  tocsin.record_forwardings(jsonb, jsonb, timestamptz) to service_role;
