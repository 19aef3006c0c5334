-- Channel states: how each channel fares, so that a dead one holds up nobody, and how fast each may
-- be sent to.
--
-- The breaker: five attempts in a row that fail, or seven in ten of at least ten within five
-- minutes, open it. Then one delivery at a time is tried after 1, 2, 4, 8 and 15 minutes; the first
-- that arrives closes it. What waits meanwhile uses up no attempts. A channel whose receiver says
-- that it is gone is turned off at once, and so is one at which nothing arrived for five days while
-- it was tried; the operators' other channels are told.
--
-- The pace: slots in a lane, which is a provider or a channel, a moment apart. A receiver that asks
-- to be left alone for a while (Retry-After) moves its lane's next slot to then.
--
-- SECURITY DEFINER functions: none.

create type tocsin.breaker_state as enum ('closed', 'open', 'half_open');
comment on type tocsin.breaker_state is
  'closed: sent to as usual; open: left alone until retry_at; half_open: one delivery is being '
  'tried.';

create table tocsin.channel_states (
  channel_id uuid primary key references tocsin.alert_channels (channel_id) on delete cascade,
  state tocsin.breaker_state not null default 'closed',
  retry_at timestamptz,
  opened_count int not null default 0,
  failures_in_a_row int not null default 0,
  failing_since timestamptz,
  last_success_at timestamptz,
  last_error text,
  disabled_at timestamptz,
  disabled_reason text,
  constraint an_open_breaker_says_when_it_is_tried check (state = 'closed' or retry_at is not null)
);

comment on table tocsin.channel_states is
  'How each channel fares: its breaker, and why it was turned off. Written as attempts are '
  'recorded; a channel that is changed or turned on begins anew.';
comment on column tocsin.channel_states.channel_id is 'The channel.';
comment on column tocsin.channel_states.state is 'The breaker: closed, open or half_open.';
comment on column tocsin.channel_states.retry_at is 'When one delivery is tried, unless closed.';
comment on column tocsin.channel_states.opened_count is
  'How often it was opened since something last arrived.';
comment on column tocsin.channel_states.failures_in_a_row is
  'How many attempts have failed since one last arrived.';
comment on column tocsin.channel_states.failing_since is
  'When the first of these failed; null: the last one arrived.';
comment on column tocsin.channel_states.last_success_at is
  'When something last arrived, to the minute.';
comment on column tocsin.channel_states.last_error is 'Why the last failing attempt failed.';
comment on column tocsin.channel_states.disabled_at is 'When Tocsin turned the channel off.';
comment on column tocsin.channel_states.disabled_reason is 'Why Tocsin turned the channel off.';

create table tocsin.send_paces (
  kind tocsin.channel_kind primary key,
  per_second numeric,
  is_shared boolean not null,
  constraint a_pace_is_between_one_an_hour_and_a_thousand_a_second
    check (per_second between 1.0 / 3600 and 1000)
);

comment on table tocsin.send_paces is
  'How fast each kind of channel is sent to. Change per_second when your provider allows another '
  'rate.';
comment on column tocsin.send_paces.kind is 'The kind of channel.';
comment on column tocsin.send_paces.per_second is
  'How many may be sent in a second; null: as many as go.';
comment on column tocsin.send_paces.is_shared is
  'True: all channels of the kind together, since they share a provider''s account. False: each.';

insert into tocsin.send_paces (kind, per_second, is_shared) values
  ('email', 2, true), ('webhook', null, false), ('slack', 1, false), ('sms', 1, true),
  ('alertmanager', null, false);

create table tocsin_internal.send_slots (
  lane text primary key,
  free_at timestamptz not null
);

comment on table tocsin_internal.send_slots is
  'When each lane (a kind of channel whose channels share a pace, or a channel) is free again.';
comment on column tocsin_internal.send_slots.lane is 'The kind, or the channel''s id.';
comment on column tocsin_internal.send_slots.free_at is 'When the next slot is.';

-- What may be sent to now
-- --------------------------------------------------------------------------

create function tocsin_internal.farthest_slot() returns interval
language sql immutable set search_path = ''
as $$ select interval '20 seconds' $$;

comment on function tocsin_internal.farthest_slot() is
  'How far ahead slots are given out: well within a lease.';

create function tocsin_internal.lane_of(p_channel_id uuid, p_kind tocsin.channel_kind) returns text
language sql stable set search_path = ''
as $$
  select case when exists (
    select from tocsin.send_paces p where p.kind = p_kind and p.is_shared
  ) then p_kind::text else p_channel_id::text end
$$;

comment on function tocsin_internal.lane_of(uuid, tocsin.channel_kind) is
  'The lane of a channel: its kind if the kind shares a pace, else its id.';

create function tocsin_internal.sendable_channels(p_now timestamptz)
returns table (channel_id uuid, recipients text[], lane text, gap interval, free_at timestamptz,
  at_most int)
language sql stable set search_path = ''
as $$
  select c.channel_id, c.recipients, l.lane, make_interval(secs => 1 / p.per_second::float8),
    coalesce(s.free_at, '-infinity'), case when coalesce(b.state, 'closed') <> 'closed' then 1 end
  from tocsin.alert_channels c
  left join tocsin.channel_states b on b.channel_id = c.channel_id
  left join tocsin.send_paces p on p.kind = c.kind
  cross join lateral (
    select case when p.is_shared then c.kind::text else c.channel_id::text end
  ) as l (lane)
  left join tocsin_internal.send_slots s on s.lane = l.lane
  where c.is_enabled
    and (coalesce(b.state, 'closed') = 'closed' or b.retry_at <= p_now)
    and (s.free_at is null or s.free_at <= p_now
      or (p.per_second is not null and s.free_at <= p_now + tocsin_internal.farthest_slot()))
$$;

comment on function tocsin_internal.sendable_channels(timestamptz) is
  'The channels that may be sent to: on, not resting, and with a slot soon. At most so many each, '
  'null: any number.';

create function tocsin_internal.is_recipient(p_recipient_id uuid, p_recipients text[])
returns boolean
language sql stable set search_path = ''
as $$
  select p_recipient_id is null or exists (
    select from tocsin_internal.channel_recipients r
    where r.recipient_id = p_recipient_id and r.recipient = any (p_recipients))
$$;

comment on function tocsin_internal.is_recipient(uuid, text[]) is
  'Whether a delivery''s recipient is still one of its channel''s; so is none, where it has none.';

create function tocsin_internal.anything_to_send(p_now timestamptz) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from tocsin_internal.sendable_channels(p_now) c
    join tocsin.deliveries d on d.channel_id = c.channel_id
    where d.state = 'pending' and d.next_attempt_at <= p_now
      and tocsin_internal.is_recipient(d.recipient_id, c.recipients))
$$;

comment on function tocsin_internal.anything_to_send(timestamptz) is
  'Whether a sender would be given something to send.';

-- How attempts fare
-- --------------------------------------------------------------------------------

create function tocsin_internal.is_mostly_failing(p_channel_id uuid, p_now timestamptz)
returns boolean
language sql stable set search_path = ''
as $$
  select count(*) >= 10 and count(*) filter (where outcome = 'retry') >= 0.7 * count(*)
  from (
    select outcome from tocsin.delivery_attempts
    where channel_id = p_channel_id and finished_at > p_now - interval '5 minutes'
      and finished_at <= p_now and outcome in ('delivered', 'retry')
    order by finished_at desc limit 200
  ) as recent
$$;

comment on function tocsin_internal.is_mostly_failing(uuid, timestamptz) is
  'Whether at least 70 % of at least 10 attempts failed within 5 minutes (of the last 200).';

create function tocsin_internal.note_attempt(
  p_delivery tocsin.deliveries, p_outcome text, p_error text, p_hold_until timestamptz,
  p_is_gone boolean, p_at timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_state tocsin.channel_states;
  v_error constant text := tocsin_internal.redact(left(p_error, 2000));
begin
  if p_hold_until > p_at then
    insert into tocsin_internal.send_slots as s (lane, free_at)
    values (tocsin_internal.lane_of(p_delivery.channel_id, p_delivery.channel_kind),
      least(p_hold_until, p_at + interval '1 hour'))
    on conflict (lane) do update set free_at = greatest(s.free_at, excluded.free_at);
  end if;

  -- In the usual case, all is well and this is known: nothing is written.
  select * into v_state from tocsin.channel_states where channel_id = p_delivery.channel_id;
  if p_outcome = 'delivered' and v_state.failing_since is null and v_state.state = 'closed'
    and v_state.last_success_at > p_at - interval '1 minute'
  then
    return;
  end if;
  insert into tocsin.channel_states (channel_id)
  select channel_id from tocsin.alert_channels where channel_id = p_delivery.channel_id
  on conflict (channel_id) do nothing;

  if p_outcome = 'delivered' then
    update tocsin.channel_states
    set state = 'closed', retry_at = null, opened_count = 0, failures_in_a_row = 0,
      failing_since = null, last_success_at = p_at
    where channel_id = p_delivery.channel_id;
  elsif p_outcome = 'retry' then
    update tocsin.channel_states
    set failures_in_a_row = failures_in_a_row + 1, last_error = v_error,
      failing_since = coalesce(failing_since, p_at)
    where channel_id = p_delivery.channel_id
    returning * into v_state;
    if v_state.state = 'half_open' or (v_state.state = 'closed' and (
      v_state.failures_in_a_row >= 5
      or tocsin_internal.is_mostly_failing(p_delivery.channel_id, p_at)))
    then
      update tocsin.channel_states
      set state = 'open', opened_count = opened_count + 1,
        retry_at = p_at + interval '1 minute' * least(15, 2 ^ least(opened_count, 4))
      where channel_id = p_delivery.channel_id;
    end if;
    if v_state.failing_since <= p_at - interval '5 days' then
      perform tocsin_internal.disable_channel(p_delivery.channel_id,
        'Nothing arrived for five days: ' || coalesce(v_error, 'no reason given'), p_at);
    end if;
  elsif p_is_gone then
    perform tocsin_internal.disable_channel(p_delivery.channel_id,
      'Its receiver wants no more: ' || coalesce(v_error, 'no reason given'), p_at);
  else
    -- it is the message that was refused; that there was an answer says that somebody is there
    update tocsin.channel_states set state = 'closed', retry_at = null
    where channel_id = p_delivery.channel_id and state = 'half_open';
  end if;
end
$$;

comment on function tocsin_internal.note_attempt(tocsin.deliveries, text, text, timestamptz,
  boolean, timestamptz) is
  'Takes the end of an attempt into its channel''s state: opens and closes the breaker, lets the '
  'lane rest, and turns off a channel that is gone.';

create function tocsin_internal.disable_channel(
  p_channel_id uuid, p_reason text, p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_channel tocsin.alert_channels;
  v_notification_id constant uuid := gen_random_uuid();
begin
  update tocsin.alert_channels set is_enabled = false
  where channel_id = p_channel_id and is_enabled
  returning * into v_channel;
  if not found then
    return;
  end if;
  update tocsin.channel_states set disabled_at = p_now, disabled_reason = p_reason
  where channel_id = p_channel_id;

  insert into tocsin.notifications (notification_id, setting_id, project_id, workflow_id, purpose,
    content, decided_at)
  values (v_notification_id, null, coalesce(v_channel.project_id, ''), '', 'first',
    jsonb_build_object('version', 1, 'notification_id', v_notification_id, 'purpose', 'first',
      'kind', 'channel_disabled', 'severity', 'high',
      'title', format('The %s channel "%s" was turned off', v_channel.kind, v_channel.name),
      'facts', jsonb_build_array(
        jsonb_build_object('label', 'Why', 'value', p_reason),
        jsonb_build_object('label', 'Next step', 'value',
          'Put its address right and turn it on in tocsin.alert_channels, then replay what it '
          'missed with tocsin.retry_delivery().'),
        jsonb_build_object('label', 'Channel', 'value', v_channel.channel_id)),
      'setting', jsonb_build_object('setting_id', null, 'name', null),
      'project_id', coalesce(v_channel.project_id, ''), 'workflow_id', '',
      'workflow_name', null, 'event', null, 'alert', null, 'items', null, 'held_back', null,
      'throttle', null, 'decided_at', p_now), p_now);
  -- the operators' other channels, and those of its own project
  perform tocsin_internal.make_deliveries(v_notification_id, array(
    select channel_id from tocsin.alert_channels
    where channel_id <> p_channel_id
      and (project_id is null or project_id = v_channel.project_id)), p_now);
end
$$;

comment on function tocsin_internal.disable_channel(uuid, text, timestamptz) is
  'Turns a channel off, says why, and tells the operators'' other channels and its project''s.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.channel_states enable row level security;
alter table tocsin.send_paces enable row level security;
alter table tocsin_internal.send_slots enable row level security;

-- The channel's own policies decide which channels the subquery can see.
create policy editors_see_how_channels_fare on tocsin.channel_states
  for select to authenticated using (
    exists (
      select from tocsin.alert_channels c where c.channel_id = channel_states.channel_id
    )
  );
create policy everybody_sees_the_paces on tocsin.send_paces
  for select to authenticated using (true);
create policy operators_change_the_paces on tocsin.send_paces
  for update to authenticated
  using ((select tocsin_internal.is_operator()))
  with check ((select tocsin_internal.is_operator()));
create policy nobody_reads_it_through_the_api on tocsin_internal.send_slots using (false);

revoke all on tocsin.channel_states, tocsin.send_paces, tocsin_internal.send_slots
  from public, anon, authenticated, service_role;
grant select on tocsin.channel_states, tocsin.send_paces to authenticated, service_role;
grant update on tocsin.send_paces to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
