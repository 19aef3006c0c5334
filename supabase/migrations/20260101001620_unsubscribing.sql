-- Unsubscribing: whoever gets an email can end it with their mail program's own button (RFC 8058),
-- without a session. Each address of a channel has a token, which is in the headers of its emails
-- and nowhere else; the button posts it to tocsin-notify, which asks tocsin.unsubscribe().
--
-- SECURITY DEFINER functions, granted to service_role alone:
--   tocsin.unsubscribe(text)  changes a channel in the name of somebody who has no session

create function tocsin.unsubscribe(
  p_token text, p_now timestamptz default clock_timestamp()
) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
  v_channel tocsin.alert_channels;
  v_recipient text;
begin
  select r.recipient into v_recipient from tocsin_internal.channel_recipients r
  where r.unsubscribe_token = p_token;
  if not found then
    return false;
  end if;
  select c.* into v_channel from tocsin.alert_channels c
  join tocsin_internal.channel_recipients r using (channel_id)
  where r.unsubscribe_token = p_token for update of c;
  if v_channel.kind <> 'email' or v_recipient <> all (v_channel.recipients) then
    return true;
  end if;
  if cardinality(v_channel.recipients) > 1 then
    update tocsin.alert_channels set recipients = array_remove(recipients, v_recipient)
    where channel_id = v_channel.channel_id;
  else
    perform tocsin_internal.disable_channel(v_channel.channel_id,
      'Its only recipient has unsubscribed.', p_now);
  end if;
  return true;
end
$$;

comment on function tocsin.unsubscribe(text, timestamptz) is
  'Takes the address to which this token belongs out of its email channel; the last one turns the '
  'channel off, and the operators'' other channels are told. Returns whether there is such a '
  'token. For service_role.';

revoke all on function tocsin.unsubscribe(text, timestamptz) from public, anon, authenticated;
grant execute on function tocsin.unsubscribe(text, timestamptz) to service_role;
