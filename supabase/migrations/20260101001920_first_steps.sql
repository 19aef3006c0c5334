-- First steps: that the first operator hears of every failed run, until somebody says otherwise.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.tell_of_every_failure(p_email text) returns boolean
language plpgsql set search_path = ''
as $$
declare
  v_channel_id uuid;
  v_setting_id uuid;
begin
  -- two at once make one
  perform pg_advisory_xact_lock(hashtext('tocsin'), hashtext('tell_of_every_failure'));
  if exists (select from tocsin.alert_settings) or exists (select from tocsin.alert_channels) then
    return false;
  end if;
  insert into tocsin.alert_channels (name, kind, recipients)
  values ('Operator', 'email', array[lower(p_email)]) returning channel_id into v_channel_id;
  insert into tocsin.alert_settings (name) values ('Every failed run')
  returning setting_id into v_setting_id;
  insert into tocsin.alert_setting_channels (setting_id, channel_id)
  values (v_setting_id, v_channel_id);
  return true;
end
$$;

comment on function tocsin_internal.tell_of_every_failure(text) is
  'Where there is no setting and no channel yet: a setting for every failed run and an email '
  'channel to this address. Returns whether it made them. Called by npx tocsin setup.';

revoke all on all functions in schema tocsin_internal from public;
