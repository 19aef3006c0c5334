-- Deliveries: each notification to each channel, and how it fared.
--
-- tocsin.deliveries is the only truth. The queue tocsin_deliveries carries ids of what is due: the
-- heart puts a message there for each due row that has none and whose channel can be sent to; a
-- claim takes it off. tocsin-notify claims, sends and records (sending). At least once, always
-- under the same delivery_id.
--
-- SECURITY DEFINER functions: none.

select tocsin_internal.ensure_queue('tocsin_deliveries');
select tocsin_internal.ensure_queue('tocsin_deliveries_dlq');

create type tocsin.delivery_state as enum ('pending', 'sending', 'delivered', 'dead');
comment on type tocsin.delivery_state is
  'pending: due at next_attempt_at; sending: claimed until lease_until; delivered; dead: given up.';

create table tocsin_internal.channel_recipients (
  channel_id uuid not null references tocsin.alert_channels (channel_id) on delete cascade,
  recipient text not null,
  recipient_id uuid not null unique default gen_random_uuid(),
  unsubscribe_token text not null unique default
    replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
  primary key (channel_id, recipient)
);

comment on table tocsin_internal.channel_recipients is
  'The addresses and numbers that anything was ever sent to. Written as deliveries are made; kept '
  'as long as the channel, since an old email can be unsubscribed from too.';
comment on column tocsin_internal.channel_recipients.channel_id is 'The channel.';
comment on column tocsin_internal.channel_recipients.recipient is 'The address or number.';
comment on column tocsin_internal.channel_recipients.recipient_id is
  'What deliveries call it: they are seen by more people than channels are.';
comment on column tocsin_internal.channel_recipients.unsubscribe_token is
  'With what it can unsubscribe: 244 bits of chance, in the headers of its emails alone.';

create function tocsin_internal.mask_recipient(p_recipient text) returns text
language sql immutable set search_path = ''
as $$
  select case when p_recipient ~ '@'
    then left(p_recipient, 1) || '…' || substring(p_recipient from '@[^@]*$')
    else left(p_recipient, 3) || '…' || right(p_recipient, 2) end
$$;

comment on function tocsin_internal.mask_recipient(text) is
  'An address or a number, as those may see it who may not see the channel.';

create table tocsin.deliveries (
  delivery_id uuid primary key default gen_random_uuid(),
  notification_id uuid not null references tocsin.notifications (notification_id) on delete cascade,
  project_id text not null,
  channel_id uuid not null,
  channel_kind tocsin.channel_kind not null,
  channel_name text not null,
  recipient_id uuid,
  recipient text,
  state tocsin.delivery_state not null default 'pending',
  attempt_count int not null default 0,
  next_attempt_at timestamptz not null,
  lease_until timestamptz,
  msg_id bigint,
  last_error text,
  delivered_at timestamptz,
  earlier_attempts int not null default 0,
  replayed_at timestamptz,
  created_at timestamptz not null
);

create index deliveries_notification_id_idx on tocsin.deliveries (notification_id);
create index deliveries_project_id_created_at_idx on tocsin.deliveries
  (project_id, created_at desc);
create index deliveries_created_at_idx on tocsin.deliveries (created_at);
create index deliveries_channel_id_next_attempt_at_idx on tocsin.deliveries
  (channel_id, next_attempt_at) where state = 'pending';
create index deliveries_msg_id_idx on tocsin.deliveries (msg_id) where msg_id is not null;
create index deliveries_lease_until_idx on tocsin.deliveries (lease_until)
  where state = 'sending';

comment on table tocsin.deliveries is
  'Each notification to each channel. Written by admission and tocsin-notify; kept as long as '
  'tocsin.retention keeps decisions.';
comment on column tocsin.deliveries.delivery_id is
  'The delivery; the same in every attempt: webhook-id, and Resend''s Idempotency-Key.';
comment on column tocsin.deliveries.notification_id is 'What is told.';
comment on column tocsin.deliveries.project_id is 'The project it is about.';
comment on column tocsin.deliveries.channel_id is 'The channel it goes to.';
comment on column tocsin.deliveries.channel_kind is 'What kind the channel is.';
comment on column tocsin.deliveries.channel_name is 'What the channel was called then.';
comment on column tocsin.deliveries.recipient_id is
  'Of an email or sms channel, the one recipient that it goes to: each has a delivery of its own. '
  'Null: the channel has one address.';
comment on column tocsin.deliveries.recipient is
  'That recipient, in part: who may see a delivery need not know the addresses of a channel.';
comment on column tocsin.deliveries.state is 'pending, sending, delivered or dead.';
comment on column tocsin.deliveries.attempt_count is 'How many attempts were begun.';
comment on column tocsin.deliveries.next_attempt_at is 'When it is due, while pending.';
comment on column tocsin.deliveries.lease_until is 'Until when an attempt may run, while sending.';
comment on column tocsin.deliveries.msg_id is 'Its message in the queue tocsin_deliveries, if any.';
comment on column tocsin.deliveries.last_error is 'Why the last attempt failed.';
comment on column tocsin.deliveries.delivered_at is 'When it was delivered.';
comment on column tocsin.deliveries.earlier_attempts is
  'How many attempts there were before it was last replayed by tocsin.retry_delivery().';
comment on column tocsin.deliveries.replayed_at is 'When it was last replayed.';
comment on column tocsin.deliveries.created_at is 'When it was decided.';

create table tocsin.delivery_attempts (
  delivery_id uuid not null references tocsin.deliveries (delivery_id) on delete cascade,
  attempt int not null,
  channel_id uuid,
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

create index delivery_attempts_channel_id_finished_at_idx on tocsin.delivery_attempts
  (channel_id, finished_at desc);

comment on table tocsin.delivery_attempts is 'Each attempt of a delivery, and the answer to it.';
comment on column tocsin.delivery_attempts.delivery_id is 'The delivery.';
comment on column tocsin.delivery_attempts.attempt is 'Which attempt, from 1.';
comment on column tocsin.delivery_attempts.channel_id is 'The channel it went to.';
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

create function tocsin_internal.make_deliveries(
  p_notification_id uuid, p_channel_ids uuid[], p_now timestamptz
) returns void
language sql set search_path = ''
as $$
  insert into tocsin_internal.channel_recipients (channel_id, recipient)
  select distinct c.channel_id, r.recipient
  from tocsin.alert_channels c cross join lateral unnest(c.recipients) as r (recipient)
  where c.channel_id = any (p_channel_ids) and c.is_enabled and c.kind in ('email', 'sms')
    and not exists (
      select from tocsin_internal.channel_recipients k
      where k.channel_id = c.channel_id and k.recipient = r.recipient)
  on conflict do nothing;

  insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind,
    channel_name, recipient_id, recipient, next_attempt_at, created_at)
  select n.notification_id, n.project_id, c.channel_id, c.kind, c.name, r.recipient_id,
    tocsin_internal.mask_recipient(r.recipient), p_now, p_now
  from tocsin.notifications n
  join tocsin.alert_channels c on c.channel_id = any (p_channel_ids) and c.is_enabled
  -- What failed for one recipient must not be sent again to the others; and each can unsubscribe,
  -- and learns nobody else's address.
  left join tocsin_internal.channel_recipients r
    on r.channel_id = c.channel_id and r.recipient = any (c.recipients)
    and c.kind in ('email', 'sms')
  where n.notification_id = p_notification_id
    and (r.recipient_id is not null or c.kind not in ('email', 'sms'))
$$;

comment on function tocsin_internal.make_deliveries(uuid, uuid[], timestamptz) is
  'Makes the deliveries of a notification to those of the channels that are on: one for each, of '
  'an email or sms channel one for each recipient.';

create function tocsin_internal.give_up_delivery(p_delivery_id uuid, p_error text) returns void
language plpgsql set search_path = ''
as $$
begin
  update tocsin.deliveries set state = 'dead', last_error = p_error, msg_id = null,
    lease_until = null
  where delivery_id = p_delivery_id;
  perform pgmq.send('tocsin_deliveries_dlq', jsonb_build_object('delivery_id', p_delivery_id));
end
$$;

comment on function tocsin_internal.give_up_delivery(uuid, text) is
  'Makes a delivery a dead letter, with the reason. tocsin.retry_delivery() replays it.';

create function tocsin_internal.give_up_deliveries(p_now timestamptz) returns void
language sql set search_path = ''
as $$
  select tocsin_internal.give_up_delivery(given_up.delivery_id, given_up.reason)
  from (
    select d.delivery_id, case
      when c.channel_id is null then 'the channel was turned off or deleted'
      when d.recipient_id is not null and coalesce(r.recipient <> all (c.recipients), true)
        then 'the recipient is none of the channel''s any more'
      when coalesce(d.replayed_at, d.created_at) < p_now - interval '2 days'
        then 'it waited for two days and could not be sent' end as reason
    from tocsin.deliveries d
    left join tocsin.alert_channels c on c.channel_id = d.channel_id and c.is_enabled
    left join tocsin_internal.channel_recipients r on r.recipient_id = d.recipient_id
    where d.state = 'pending'
  ) as given_up
  where given_up.reason is not null
$$;

comment on function tocsin_internal.give_up_deliveries(timestamptz) is
  'Gives up what cannot be sent any more: its channel is off or gone, its recipient was taken out, '
  'or it is two days old.';

create function tocsin_internal.queue_deliveries(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_lost tocsin.deliveries;
  v_due uuid[];
begin
  -- attempts whose sender never reported: due again, under the same id
  for v_lost in
    update tocsin.deliveries
    set state = 'pending', next_attempt_at = p_now, lease_until = null,
      last_error = 'the sender never reported'
    where delivery_id = any (array(
      select delivery_id from tocsin.deliveries where state = 'sending' and lease_until < p_now
      for update skip locked))
    returning *
  loop
    insert into tocsin.delivery_attempts (delivery_id, attempt, channel_id, outcome, finished_at,
      error)
    values (v_lost.delivery_id, v_lost.attempt_count, v_lost.channel_id, 'lost', p_now,
      v_lost.last_error)
    on conflict (delivery_id, attempt) do nothing;
    if v_lost.attempt_count - v_lost.earlier_attempts >= 10 then
      perform tocsin_internal.give_up_delivery(v_lost.delivery_id, v_lost.last_error);
    end if;
  end loop;
  perform tocsin_internal.give_up_deliveries(p_now);

  -- messages that lead nowhere
  perform pgmq.delete('tocsin_deliveries', m.msg_id)
  from (select msg_id, message from pgmq.q_tocsin_deliveries order by msg_id limit 1000) as m
  where not exists (
    select from tocsin.deliveries d
    where d.msg_id = m.msg_id and d.state = 'pending'
      and d.delivery_id::text = m.message ->> 'delivery_id');

  select array_agg(d.delivery_id order by d.next_attempt_at) into v_due
  from (
    select d.delivery_id, d.next_attempt_at
    from tocsin_internal.sendable_channels(p_now) c
    join tocsin.deliveries d on d.channel_id = c.channel_id
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
  'Puts every due delivery that has no message into the queue, if its channel can be sent to; '
  'takes back what a sender lost, and gives up what cannot be sent any more. A stage of the heart.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.deliveries enable row level security;
alter table tocsin.delivery_attempts enable row level security;
alter table tocsin_internal.channel_recipients enable row level security;
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
create policy nobody_reads_it_through_the_api on tocsin_internal.channel_recipients using (false);

revoke all on tocsin.deliveries, tocsin.delivery_attempts, tocsin_internal.doorbell_tokens,
  tocsin_internal.channel_recipients from public, anon, authenticated, service_role;
grant select on tocsin.deliveries, tocsin.delivery_attempts to authenticated, service_role;

revoke all on all functions in schema tocsin_internal from public;
