-- Deliveries: each notification to each channel, and how it fared.
--
-- tocsin.deliveries is the only truth. The queue tocsin_deliveries carries ids of what is due: the
-- heart puts a message there for each due row that has none, whatever became of an earlier one.
-- tocsin-notify claims, sends and records. At least once, always under the same delivery_id.
--
-- SECURITY DEFINER functions, granted to service_role alone, because they read Vault and write
-- tables that nobody may write through the Data API:
--   tocsin.check_doorbell, tocsin.claim_deliveries, tocsin.record_attempt,
--   tocsin.release_deliveries

select tocsin_internal.ensure_queue('tocsin_deliveries');
select tocsin_internal.ensure_queue('tocsin_deliveries_dlq');

create type tocsin.delivery_state as enum ('pending', 'sending', 'delivered', 'dead');
comment on type tocsin.delivery_state is
  'pending: due at next_attempt_at; sending: claimed until lease_until; delivered; dead: given up.';

create table tocsin.deliveries (
  delivery_id uuid primary key default gen_random_uuid(),
  notification_id uuid not null references tocsin.notifications (notification_id) on delete cascade,
  project_id text not null,
  channel_id uuid not null,
  channel_kind tocsin.channel_kind not null,
  channel_name text not null,
  state tocsin.delivery_state not null default 'pending',
  attempt_count int not null default 0,
  next_attempt_at timestamptz not null,
  lease_until timestamptz,
  msg_id bigint,
  last_error text,
  delivered_at timestamptz,
  created_at timestamptz not null
);

create index deliveries_notification_id_idx on tocsin.deliveries (notification_id);
create index deliveries_project_id_created_at_idx on tocsin.deliveries
  (project_id, created_at desc);
create index deliveries_created_at_idx on tocsin.deliveries (created_at);
create index deliveries_next_attempt_at_idx on tocsin.deliveries (next_attempt_at)
  where state = 'pending';
create index deliveries_lease_until_idx on tocsin.deliveries (lease_until)
  where state = 'sending';

comment on table tocsin.deliveries is
  'Each notification to each channel. Written by admission and tocsin-notify; kept 90 days.';
comment on column tocsin.deliveries.delivery_id is
  'The delivery; the same in every attempt: webhook-id, and Resend''s Idempotency-Key.';
comment on column tocsin.deliveries.notification_id is 'What is told.';
comment on column tocsin.deliveries.project_id is 'The project it is about.';
comment on column tocsin.deliveries.channel_id is 'The channel it goes to.';
comment on column tocsin.deliveries.channel_kind is 'What kind the channel is.';
comment on column tocsin.deliveries.channel_name is 'What the channel was called then.';
comment on column tocsin.deliveries.state is 'pending, sending, delivered or dead.';
comment on column tocsin.deliveries.attempt_count is 'How many attempts were begun.';
comment on column tocsin.deliveries.next_attempt_at is 'When it is due, while pending.';
comment on column tocsin.deliveries.lease_until is 'Until when an attempt may run, while sending.';
comment on column tocsin.deliveries.msg_id is 'Its message in the queue tocsin_deliveries, if any.';
comment on column tocsin.deliveries.last_error is 'Why the last attempt failed.';
comment on column tocsin.deliveries.delivered_at is 'When it was delivered.';
comment on column tocsin.deliveries.created_at is 'When it was decided.';

create table tocsin.delivery_attempts (
  delivery_id uuid not null references tocsin.deliveries (delivery_id) on delete cascade,
  attempt int not null,
  outcome text not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  http_status int,
  error text,
  response text,
  provider_id text,
  primary key (delivery_id, attempt),
  constraint attempt_outcome_is_known check (outcome in ('delivered', 'retry', 'dead', 'lost'))
);

comment on table tocsin.delivery_attempts is 'Each attempt of a delivery, and the answer to it.';
comment on column tocsin.delivery_attempts.delivery_id is 'The delivery.';
comment on column tocsin.delivery_attempts.attempt is 'Which attempt, from 1.';
comment on column tocsin.delivery_attempts.outcome is
  'delivered; retry; dead; or lost: the sender never reported, and it may or may not have arrived.';
comment on column tocsin.delivery_attempts.started_at is 'When the request began.';
comment on column tocsin.delivery_attempts.finished_at is 'When its answer was there.';
comment on column tocsin.delivery_attempts.http_status is 'The answer''s status; null: no answer.';
comment on column tocsin.delivery_attempts.error is 'What went wrong, in words.';
comment on column tocsin.delivery_attempts.response is 'The beginning of the answer, redacted.';
comment on column tocsin.delivery_attempts.provider_id is
  'What the provider calls it (Resend''s id).';

create table tocsin_internal.doorbell_tokens (
  token_hash bytea primary key,
  created_at timestamptz not null default clock_timestamp()
);

comment on table tocsin_internal.doorbell_tokens is
  'SHA-256 of the tokens that tocsin-notify accepts, two at most. Made by tocsin.setup().';
comment on column tocsin_internal.doorbell_tokens.token_hash is 'SHA-256 of the token.';
comment on column tocsin_internal.doorbell_tokens.created_at is 'When it was made.';

-- The heart's part --------------------------------------------------------------------------------

create function tocsin_internal.address_notifications(p_notification_ids uuid[], p_now timestamptz)
returns void
language sql set search_path = ''
as $$
  insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind,
    channel_name, next_attempt_at, created_at)
  select n.notification_id, n.project_id, c.channel_id, c.kind, c.name, p_now, p_now
  from tocsin.notifications n
  join tocsin.alert_setting_channels sc on sc.setting_id = n.setting_id
  join tocsin.alert_channels c on c.channel_id = sc.channel_id and c.is_enabled
  where n.notification_id = any (p_notification_ids)
$$;

comment on function tocsin_internal.address_notifications(uuid[], timestamptz) is
  'Makes the deliveries of notifications: one for each channel of the setting that is on.';

create function tocsin_internal.queue_deliveries(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_lost tocsin.deliveries;
  v_due uuid[];
begin
  -- attempts whose sender never reported: due again, under the same id
  for v_lost in
    update tocsin.deliveries
    set state = case when attempt_count >= 10 then 'dead' else 'pending' end::tocsin.delivery_state,
      next_attempt_at = p_now, lease_until = null, last_error = 'the sender never reported'
    where state = 'sending' and lease_until < p_now
    returning *
  loop
    perform pgmq.delete('tocsin_deliveries', v_lost.msg_id) where v_lost.msg_id is not null;
    insert into tocsin.delivery_attempts (delivery_id, attempt, outcome, finished_at, error)
    values (v_lost.delivery_id, v_lost.attempt_count, 'lost', p_now, v_lost.last_error)
    on conflict (delivery_id, attempt) do nothing;
    if v_lost.state = 'dead' then
      perform pgmq.send('tocsin_deliveries_dlq',
        jsonb_build_object('delivery_id', v_lost.delivery_id));
    end if;
  end loop;

  select array_agg(d.delivery_id order by d.next_attempt_at) into v_due
  from (
    select d.delivery_id, d.next_attempt_at
    from tocsin.deliveries d
    left join pgmq.q_tocsin_deliveries q on q.msg_id = d.msg_id
      and q.message ->> 'delivery_id' = d.delivery_id::text
    where d.state = 'pending' and d.next_attempt_at <= p_now and q.msg_id is null
    order by d.next_attempt_at
    limit 10000
    for update of d skip locked
  ) as d;
  if v_due is null then
    return 0;
  end if;

  update tocsin.deliveries d set msg_id = sent.msg_id
  from (
    select v_due[position] as delivery_id, s.msg_id
    from pgmq.send_batch('tocsin_deliveries',
      array(select jsonb_build_object('delivery_id', id) from unnest(v_due) as id))
      with ordinality as s (msg_id, position)
  ) as sent
  where d.delivery_id = sent.delivery_id;
  return cardinality(v_due);
end
$$;

comment on function tocsin_internal.queue_deliveries(timestamptz) is
  'Puts every due delivery that has no message into the queue. A stage of the heart.';

-- The sender's part -------------------------------------------------------------------------------

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

create function tocsin.claim_deliveries(
  p_limit int default 50, p_lease_seconds int default 120,
  p_now timestamptz default clock_timestamp()
) returns table (delivery_id uuid, attempt int, channel_id uuid, channel_kind tocsin.channel_kind,
  channel_name text, channel_config jsonb, channel_secrets text[], created_at timestamptz,
  notification jsonb)
language plpgsql security definer set search_path = ''
as $$
declare
  v_ids uuid[];
  v_msg_ids bigint[];
begin
  -- what is no id of ours goes the way of messages that have done their work
  select array_agg(substring(m.message ->> 'delivery_id'
    from '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$')::uuid), array_agg(m.msg_id)
  into v_ids, v_msg_ids
  from pgmq.read('tocsin_deliveries', greatest(1, p_lease_seconds),
    least(greatest(1, p_limit), 1000)) as m;
  if v_ids is null then
    return;
  end if;

  update tocsin.deliveries d
  set state = 'dead', last_error = 'the channel was turned off or deleted', msg_id = null
  where d.delivery_id = any (v_ids) and d.state = 'pending' and not exists (
    select from tocsin.alert_channels c where c.channel_id = d.channel_id and c.is_enabled
  );

  return query
  with due as (
    select d.delivery_id from tocsin.deliveries d
    where d.delivery_id = any (v_ids) and d.state = 'pending' and d.next_attempt_at <= p_now
    order by d.next_attempt_at
    for update skip locked
  ),
  claimed as (
    update tocsin.deliveries d
    set state = 'sending', attempt_count = d.attempt_count + 1,
      lease_until = p_now + make_interval(secs => greatest(1, p_lease_seconds))
    from due where d.delivery_id = due.delivery_id
    returning d.*
  )
  select k.delivery_id, k.attempt_count, c.channel_id, c.kind, c.name,
    case c.kind when 'email' then jsonb_build_object('to', c.recipients)
      when 'webhook' then jsonb_build_object('url', c.url, 'headers', c.headers) end,
    array_remove(array[tocsin_internal.read_secret(c.secret_id)], null),
    k.created_at, n.content
  from claimed k
  join tocsin.alert_channels c on c.channel_id = k.channel_id
  join tocsin.notifications n on n.notification_id = k.notification_id;

  -- A message whose delivery is over, or sent again under another message, has done its work. One
  -- that came too early goes too: it would be hidden for the lease, and its delivery with it.
  perform pgmq.delete('tocsin_deliveries', stale.msg_id)
  from unnest(v_ids, v_msg_ids) as stale (delivery_id, msg_id)
  where not exists (
    select from tocsin.deliveries d
    where d.delivery_id = stale.delivery_id and d.msg_id = stale.msg_id
      and (d.state = 'sending' or (d.state = 'pending' and d.next_attempt_at <= p_now))
  );
end
$$;

comment on function tocsin.claim_deliveries(int, int, timestamptz) is
  'Takes up to p_limit due deliveries under a lease and counts the attempt. For service_role.';

create function tocsin.record_attempt(
  p_delivery_id uuid, p_attempt int, p_outcome text, p_started_at timestamptz,
  p_finished_at timestamptz, p_next_attempt_at timestamptz default null,
  p_http_status int default null, p_error text default null, p_response text default null,
  p_provider_id text default null
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

  insert into tocsin.delivery_attempts (delivery_id, attempt, outcome, started_at, finished_at,
    http_status, error, response, provider_id)
  values (p_delivery_id, p_attempt, p_outcome, p_started_at, p_finished_at, p_http_status,
    tocsin_internal.redact(left(p_error, 2000)), tocsin_internal.redact(left(p_response, 2048)),
    left(p_provider_id, 200))
  on conflict (delivery_id, attempt) do update
    set outcome = excluded.outcome, started_at = excluded.started_at,
      finished_at = excluded.finished_at, http_status = excluded.http_status,
      error = excluded.error, response = excluded.response, provider_id = excluded.provider_id
    where delivery_attempts.outcome = 'lost';

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
  int, text, text, text) is
  'Records how an attempt ended: delivered, retry (at p_next_attempt_at) or dead. Returns the '
  'delivery''s state, or stale when the lease was lost. For service_role. Raises TC014.';

create function tocsin.release_deliveries(p_delivery_ids uuid[], p_attempts int[]) returns int
language plpgsql security definer set search_path = ''
as $$
declare
  v_msg_ids bigint[];
begin
  with released as (
    update tocsin.deliveries d set state = 'pending', lease_until = null,
      attempt_count = d.attempt_count - 1
    from unnest(p_delivery_ids, p_attempts) as claim (delivery_id, attempt)
    where d.delivery_id = claim.delivery_id and d.state = 'sending'
      and d.attempt_count = claim.attempt
    returning d.msg_id
  )
  select array_agg(msg_id) into v_msg_ids from released;
  perform pgmq.set_vt('tocsin_deliveries', msg_id, 0)
  from unnest(v_msg_ids) as msg_id where msg_id is not null;
  return coalesce(cardinality(v_msg_ids), 0);
end
$$;

comment on function tocsin.release_deliveries(uuid[], int[]) is
  'Gives claims back that were not attempted: deliveries, and for each the attempt that its claim '
  'began, since only the claim that still holds the lease may. Returns how many. For service_role.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.deliveries enable row level security;
alter table tocsin.delivery_attempts enable row level security;
alter table tocsin_internal.doorbell_tokens enable row level security;

create policy members_see_deliveries on tocsin.deliveries
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy members_see_attempts on tocsin.delivery_attempts
  for select to authenticated using (
    exists (
      select from tocsin.deliveries d where d.delivery_id = delivery_attempts.delivery_id
    )
  );
create policy nobody_reads_it_through_the_api on tocsin_internal.doorbell_tokens using (false);

revoke all on tocsin.deliveries, tocsin.delivery_attempts, tocsin_internal.doorbell_tokens
  from public, anon, authenticated, service_role;
grant select on tocsin.deliveries, tocsin.delivery_attempts to authenticated, service_role;

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.check_doorbell(text), tocsin.claim_deliveries(int, int, timestamptz),
  tocsin.record_attempt(uuid, int, text, timestamptz, timestamptz, timestamptz, int, text, text,
    text),
  tocsin.release_deliveries(uuid[], int[]) from public, anon, authenticated;
grant execute on function tocsin.check_doorbell(text),
  tocsin.claim_deliveries(int, int, timestamptz),
  tocsin.record_attempt(uuid, int, text, timestamptz, timestamptz, timestamptz, int, text, text,
    text),
  tocsin.release_deliveries(uuid[], int[]) to service_role;
