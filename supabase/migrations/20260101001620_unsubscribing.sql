-- Unsubscribing: whoever gets an email can end it with their mail program's own button (RFC 8058),
-- without a session. Each address of a channel has a token, which is in the headers of its emails
-- and nowhere else; the button posts it to tocsin-notify, which asks tocsin.unsubscribe().
--
-- SECURITY DEFINER functions, granted to service_role alone:
--   tocsin.unsubscribe(text)  changes a channel in the name of somebody who has no session

create table tocsin_internal.unsubscribe_tokens (
  channel_id uuid not null references tocsin.alert_channels (channel_id) on delete cascade,
  recipient text not null,
  token text not null unique default
    replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
  primary key (channel_id, recipient)
);

comment on table tocsin_internal.unsubscribe_tokens is
  'With what each address of an email channel can unsubscribe. Written as deliveries are claimed; '
  'kept as long as the channel, since an old email has the button too.';
comment on column tocsin_internal.unsubscribe_tokens.channel_id is 'The channel.';
comment on column tocsin_internal.unsubscribe_tokens.recipient is 'The address.';
comment on column tocsin_internal.unsubscribe_tokens.token is 'The token: 244 bits of chance.';

create function tocsin_internal.unsubscribe_token(p_channel_id uuid, p_recipient text) returns text
language plpgsql set search_path = ''
as $$
begin
  insert into tocsin_internal.unsubscribe_tokens (channel_id, recipient)
  values (p_channel_id, p_recipient) on conflict (channel_id, recipient) do nothing;
  return (select token from tocsin_internal.unsubscribe_tokens
    where channel_id = p_channel_id and recipient = p_recipient);
end
$$;

comment on function tocsin_internal.unsubscribe_token(uuid, text) is
  'The token with which an address of a channel can unsubscribe; made when it is first asked for.';

create function tocsin.unsubscribe(
  p_token text, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
  v_channel tocsin.alert_channels;
  v_recipient text;
begin
  select t.recipient into v_recipient from tocsin_internal.unsubscribe_tokens t
  where t.token = p_token;
  if not found then
    return false;
  end if;
  select c.* into v_channel from tocsin.alert_channels c
  join tocsin_internal.unsubscribe_tokens t using (channel_id)
  where t.token = p_token for update of c;
  if v_channel.kind <> 'email' or v_recipient <> all (v_channel.recipients) then
    return true;
  end if;
  if cardinality(v_channel.recipients) > 1 then
    update tocsin.alert_channels set recipients = array_remove(recipients, v_recipient)
    where channel_id = v_channel.channel_id;
  else
    perform tocsin_internal.disable_channel(v_channel.channel_id,
      'Its only recipient has unsubscribed: ' || v_recipient, p_now);
  end if;
  return true;
end
$$;

comment on function tocsin.unsubscribe(text, timestamptz) is
  'Takes the address to which this token belongs out of its email channel; the last one turns the '
  'channel off, and the operators'' other channels are told. Returns whether there is such a '
  'token. For service_role.';

alter table tocsin_internal.unsubscribe_tokens enable row level security;
create policy nobody_reads_it_through_the_api on tocsin_internal.unsubscribe_tokens using (false);

revoke all on tocsin_internal.unsubscribe_tokens from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.unsubscribe(text, timestamptz) from public, anon, authenticated;
grant execute on function tocsin.unsubscribe(text, timestamptz) to service_role;
