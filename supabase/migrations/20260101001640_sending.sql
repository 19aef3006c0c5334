-- Sending: what tocsin-notify asks of the database. It claims deliveries under a lease, sends them,
-- and records how each attempt ended.
--
-- A claim takes the due deliveries of every channel that can be sent to in turns, so that one with
-- thousands holds up nobody; of a channel whose breaker is open it takes nothing, or one as a
-- trial. Where a provider has a pace, each claim comes with how long its sending has to wait:
-- the slots are given out here, so that the pace holds for all senders together.
--
-- SECURITY DEFINER functions, granted to service_role alone, because they read Vault and write
-- tables that nobody may write through the Data API:
--   tocsin.check_doorbell, tocsin.claim_deliveries, tocsin.record_attempt,
--   tocsin.record_attempts, tocsin.release_deliveries
--
-- Errors: TC014 (docs/reference/errors.md).

create function tocsin.check_doorbell(p_token text) returns boolean
language plpgsql security definer set search_path = ''
as $$
begin
  update tocsin_internal.installation set last_api_call_at = clock_timestamp()
  where is_the_only_row;
  return exists (
    select from tocsin_internal.doorbell_tokens
    where token_hash = sha256(convert_to(coalesce(p_token, ''), 'UTF8'))
  );
end
$$;

comment on function tocsin.check_doorbell(text) is
  'Whether this is a token with which tocsin-notify may be rung. For service_role.';

create function tocsin_internal.choose_deliveries(p_limit int, p_now timestamptz)
returns table (delivery_id uuid, channel_id uuid, lane text, gap interval, slot_at timestamptz)
language sql volatile set search_path = ''
as $$
  with due as materialized (
    select c.channel_id, c.lane, c.gap, c.free_at, d.delivery_id, d.next_attempt_at,
      row_number() over (partition by c.channel_id order by d.next_attempt_at, d.delivery_id)
        as turn
    from tocsin_internal.sendable_channels(p_now) c
    cross join lateral (
      select d.delivery_id, d.next_attempt_at from tocsin.deliveries d
      where d.channel_id = c.channel_id and d.state = 'pending' and d.next_attempt_at <= p_now
        and tocsin_internal.is_recipient(d.recipient_id, c.recipients)
      order by d.next_attempt_at, d.delivery_id
      limit least(p_limit, c.at_most)
      for update skip locked
    ) as d
  ),
  slots as (
    select *, greatest(free_at, p_now) + coalesce(gap, interval '0') * (row_number() over (
      partition by lane order by turn, next_attempt_at, delivery_id) - 1) as slot_at
    from due
  )
  select delivery_id, channel_id, lane, gap, slot_at from slots
  where slot_at <= p_now + tocsin_internal.farthest_slot()
  order by turn, next_attempt_at, delivery_id
  limit p_limit
$$;

comment on function tocsin_internal.choose_deliveries(int, timestamptz) is
  'Which due deliveries a sender gets: of each channel in turns, as far as its breaker and its '
  'pace let it, each with the time of its slot.';

create function tocsin_internal.channel_config(
  p_channel tocsin.alert_channels, p_recipient text
) returns jsonb
language sql stable set search_path = ''
as $$
  select case
    when p_channel.kind in ('email', 'sms') then jsonb_build_object(
      'to', case when p_recipient is null then p_channel.recipients else array[p_recipient] end)
    when p_channel.kind = 'slack' then '{}'
    else jsonb_build_object('url', p_channel.url, 'headers', p_channel.headers) end
$$;

comment on function tocsin_internal.channel_config(tocsin.alert_channels, text) is
  'What the sender has to know of a channel, but for its secrets.';

create function tocsin_internal.take_turn() returns void
language sql volatile set search_path = ''
as $$ select pg_advisory_xact_lock(hashtext('tocsin'), hashtext('sending')) $$;

comment on function tocsin_internal.take_turn() is
  'Waits until no other sender claims, records or gives back. Each takes milliseconds, and touches '
  'rows of many channels: in turns, none waits for another in a circle.';

create function tocsin.claim_deliveries(
  p_limit int default 50, p_lease_seconds int default 120,
  p_now timestamptz default clock_timestamp()
) returns table (delivery_id uuid, attempt int, earlier_attempts int, channel_id uuid,
  channel_kind tocsin.channel_kind, channel_name text, channel_config jsonb,
  channel_secrets text[], created_at timestamptz, wait_ms int, template text, notification jsonb)
language plpgsql security definer set search_path = '' set jit = off
as $$
declare
  v_lease_until constant timestamptz :=
    p_now + make_interval(secs => greatest(1, p_lease_seconds));
  v_ids uuid[];
  v_slots timestamptz[];
  v_msg_ids bigint[];
begin
  -- so that slots are given out once and a channel is tried by one
  perform tocsin_internal.take_turn();

  with chosen as materialized (
    select * from tocsin_internal.choose_deliveries(least(greatest(1, p_limit), 1000), p_now)
  ),
  slotted as (
    insert into tocsin_internal.send_slots as s (lane, free_at)
    select c.lane, max(c.slot_at) + min(c.gap) from chosen c where c.gap is not null group by c.lane
    on conflict (lane) do update set free_at = excluded.free_at
  ),
  tried as (
    update tocsin.channel_states s set state = 'half_open', retry_at = v_lease_until
    where s.state <> 'closed' and s.channel_id in (select c.channel_id from chosen c)
  )
  select array_agg(c.delivery_id), array_agg(c.slot_at) into v_ids, v_slots from chosen c;
  if v_ids is null then
    return;
  end if;

  select array_agg(d.msg_id) into v_msg_ids from tocsin.deliveries d
  where d.delivery_id = any (v_ids) and d.msg_id is not null;
  perform pgmq.delete('tocsin_deliveries', v_msg_ids) where v_msg_ids is not null;

  return query
  with claimed as (
    update tocsin.deliveries d
    set state = 'sending', attempt_count = d.attempt_count + 1, lease_until = v_lease_until,
      msg_id = null
    from unnest(v_ids, v_slots) as c (delivery_id, slot_at)
    where d.delivery_id = c.delivery_id
    returning d.*, c.slot_at
  ),
  -- once for each channel: to decrypt costs more than all the rest
  secrets as materialized (
    select c.channel_id, tocsin_internal.signing_secrets(c, p_now) as values
    from tocsin.alert_channels c where c.channel_id in (select k.channel_id from claimed k)
  )
  select k.delivery_id, k.attempt_count, k.earlier_attempts, c.channel_id, c.kind, c.name,
    tocsin_internal.channel_config(c, r.recipient)
      || case when c.kind = 'email' and r.recipient is not null
        then jsonb_build_object('unsubscribe_token', r.unsubscribe_token) else '{}' end,
    s.values, coalesce(k.replayed_at, k.created_at),
    (extract(epoch from k.slot_at - p_now) * 1000)::int,
    -- a setting that is gone has none, and neither has what no setting asked for
    (select a.template from tocsin.alert_settings a
      where a.setting_id = n.setting_id),
    n.content
  from claimed k
  join tocsin.alert_channels c on c.channel_id = k.channel_id
  join tocsin.notifications n on n.notification_id = k.notification_id
  join secrets s on s.channel_id = k.channel_id
  left join tocsin_internal.channel_recipients r on r.recipient_id = k.recipient_id
  order by k.slot_at, k.next_attempt_at;
end
$$;

comment on function tocsin.claim_deliveries(int, int, timestamptz) is
  'Takes up to p_limit due deliveries under a lease and counts the attempt. Each comes with how '
  'long to wait before it is sent (wait_ms), what its setting says instead of the usual text '
  '(template), and when it was made or last replayed (created_at). For service_role.';

create function tocsin.record_attempt(
  p_delivery_id uuid, p_attempt int, p_outcome text, p_started_at timestamptz,
  p_finished_at timestamptz, p_next_attempt_at timestamptz default null,
  p_http_status int default null, p_error text default null, p_response text default null,
  p_provider_id text default null, p_hold_until timestamptz default null,
  p_is_gone boolean default false
) returns text
language plpgsql security definer set search_path = ''
as $$
declare
  v_delivery tocsin.deliveries;
begin
  if p_outcome is null or p_outcome not in ('delivered', 'retry', 'dead')
    or (p_outcome = 'retry' and p_next_attempt_at is null)
  then
    raise exception 'An attempt ends as delivered, retry (with its time) or dead, not as "%"',
      p_outcome using errcode = 'TC014', hint = 'retry needs p_next_attempt_at.';
  end if;

  select * into v_delivery from tocsin.deliveries where delivery_id = p_delivery_id for update;
  if not found then
    return 'stale';
  end if;

  insert into tocsin.delivery_attempts (delivery_id, attempt, channel_id, outcome, started_at,
    finished_at, http_status, error, response, provider_id)
  values (p_delivery_id, p_attempt, v_delivery.channel_id, p_outcome, p_started_at, p_finished_at,
    p_http_status, tocsin_internal.redact(left(p_error, 2000)),
    tocsin_internal.redact(left(p_response, 2048)),
    left(p_provider_id, 200))
  on conflict (delivery_id, attempt) do update
    set outcome = excluded.outcome, started_at = excluded.started_at,
      finished_at = excluded.finished_at, http_status = excluded.http_status,
      error = excluded.error, response = excluded.response, provider_id = excluded.provider_id
    where delivery_attempts.outcome = 'lost';

  -- Given up for want of an answer, or after the last of too many attempts, is the channel's
  -- failure; refused by an answer is the message's.
  perform tocsin_internal.note_attempt(v_delivery,
    case when p_outcome = 'dead' and not p_is_gone and (
      p_http_status is null or p_http_status >= 500 or p_http_status in (408, 429))
      then 'retry' else p_outcome end,
    p_error, p_hold_until, p_is_gone, p_finished_at);

  -- Late word of success still counts; late word of anything else does not.
  if p_outcome <> 'delivered' and (v_delivery.state <> 'sending'
    or v_delivery.attempt_count <> p_attempt)
  then
    return 'stale';
  end if;
  if v_delivery.state = 'delivered' then
    return 'delivered';
  end if;

  perform pgmq.delete('tocsin_deliveries', v_delivery.msg_id) where v_delivery.msg_id is not null;
  if p_outcome = 'dead' then
    perform pgmq.send('tocsin_deliveries_dlq', jsonb_build_object('delivery_id', p_delivery_id));
  end if;
  update tocsin.deliveries d
  set state = case p_outcome when 'retry' then 'pending' else p_outcome end::tocsin.delivery_state,
    next_attempt_at = coalesce(p_next_attempt_at, d.next_attempt_at),
    lease_until = null, msg_id = null,
    last_error = case when p_outcome = 'delivered' then null
      else tocsin_internal.redact(left(p_error, 2000)) end,
    delivered_at = case when p_outcome = 'delivered' then p_finished_at end
  where d.delivery_id = p_delivery_id
  returning * into v_delivery;
  return v_delivery.state::text;
end
$$;

comment on function tocsin.record_attempt(uuid, int, text, timestamptz, timestamptz, timestamptz,
  int, text, text, text, timestamptz, boolean) is
  'Records how an attempt ended: delivered, retry (at p_next_attempt_at) or dead; until when its '
  'receiver wants to be left alone (p_hold_until), and whether it wants no more (p_is_gone). '
  'Returns the delivery''s state, or stale when the lease was lost. For service_role. Raises '
  'TC014.';

create function tocsin.record_attempts(p_attempts jsonb) returns text[]
language plpgsql security definer set search_path = '' set jit = off
as $$
declare
  v_attempt record;
  v_states text[] := '{}';
begin
  perform tocsin_internal.take_turn();
  for v_attempt in
    select a.*, e.place from jsonb_array_elements(p_attempts) with ordinality as e (value, place),
      jsonb_to_record(e.value) as a (delivery_id uuid, attempt int, outcome text,
        started_at timestamptz, finished_at timestamptz, next_attempt_at timestamptz,
        http_status int, error text, response text, provider_id text, hold_until timestamptz,
        is_gone boolean)
    order by e.place
  loop
    v_states[v_attempt.place] := tocsin.record_attempt(v_attempt.delivery_id, v_attempt.attempt,
      v_attempt.outcome, v_attempt.started_at, v_attempt.finished_at, v_attempt.next_attempt_at,
      v_attempt.http_status, v_attempt.error, v_attempt.response, v_attempt.provider_id,
      v_attempt.hold_until, coalesce(v_attempt.is_gone, false));
  end loop;
  return v_states;
end
$$;

comment on function tocsin.record_attempts(jsonb) is
  'Records how several attempts ended: an array of objects with the parameters of '
  'record_attempt(), without their p_. Returns the deliveries'' states in the same order. All or '
  'none are recorded. For service_role. Raises TC014.';

create function tocsin.release_deliveries(p_delivery_ids uuid[], p_attempts int[]) returns int
language plpgsql security definer set search_path = ''
as $$
declare
  v_channel_ids uuid[];
begin
  perform tocsin_internal.take_turn();
  with released as (
    update tocsin.deliveries d set state = 'pending', lease_until = null,
      attempt_count = d.attempt_count - 1
    from unnest(p_delivery_ids, p_attempts) as claim (delivery_id, attempt)
    where d.delivery_id = claim.delivery_id and d.state = 'sending'
      and d.attempt_count = claim.attempt
    returning d.channel_id
  )
  select array_agg(channel_id) into v_channel_ids from released;
  -- a trial that was not made can be made by the next
  update tocsin.channel_states set retry_at = '-infinity'
  where state = 'half_open' and channel_id = any (v_channel_ids);
  return coalesce(cardinality(v_channel_ids), 0);
end
$$;

comment on function tocsin.release_deliveries(uuid[], int[]) is
  'Gives claims back that were not attempted: deliveries, and for each the attempt that its claim '
  'began, since only the claim that still holds the lease may. Returns how many. For service_role.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.check_doorbell(text), tocsin.claim_deliveries(int, int, timestamptz),
  tocsin.record_attempt(uuid, int, text, timestamptz, timestamptz, timestamptz, int, text, text,
    text, timestamptz, boolean),
  tocsin.record_attempts(jsonb), tocsin.release_deliveries(uuid[], int[])
  from public, anon, authenticated;
grant execute on function tocsin.check_doorbell(text),
  tocsin.claim_deliveries(int, int, timestamptz),
  tocsin.record_attempt(uuid, int, text, timestamptz, timestamptz, timestamptz, int, text, text,
    text, timestamptz, boolean),
  tocsin.record_attempts(jsonb), tocsin.release_deliveries(uuid[], int[]) to service_role;
