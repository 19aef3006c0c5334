-- Channels: where notifications go, and the secrets with which they are sent.
--
-- A webhook signs with a secret that is made for it; a Slack channel's address is itself a secret.
-- Both lie in Vault, and only editors of the channel can have them shown. A webhook's secret can be
-- rotated: for a time both the new one and the old one sign.
--
-- SECURITY DEFINER functions, each because it works with Vault, which only the owner may use:
--   tocsin_internal.keep_channel_secret()       makes, replaces and drops the secret of a channel
--   tocsin_internal.reveal_channel_secret(uuid) shows it by an id that only editors see
--   tocsin_internal.replace_signing_secret()    makes a new one; its caller may edit the channel
--
-- Errors: TC010 to TC012, TC060 to TC062 (docs/reference/errors.md).

create type tocsin.channel_kind as enum ('email', 'webhook', 'slack', 'sms', 'alertmanager');
comment on type tocsin.channel_kind is
  'How a channel tells: email (Resend), webhook (signed), slack (incoming webhook), sms (Twilio) '
  'or alertmanager (API v2).';

create table tocsin.alert_channels (
  channel_id uuid primary key default gen_random_uuid(),
  project_id text,
  name text not null,
  kind tocsin.channel_kind not null,
  recipients text[] not null default '{}',
  url text,
  headers jsonb not null default '{}',
  secret_id uuid,
  is_enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_channel_has_a_name check (name ~ '\S' and length(name) <= 100),
  constraint an_email_channel_has_one_to_fifty_recipients
    check (kind <> 'email' or cardinality(recipients) between 1 and 50),
  constraint an_sms_channel_has_one_to_twenty_numbers
    check (kind <> 'sms' or cardinality(recipients) between 1 and 20),
  constraint recipients_are_addresses check (
    array_position(recipients, null) is null
    and not array_to_string(recipients, '') ~ '[\s,;<>]'
    and (kind <> 'email' or array_to_string(recipients, ' ')
      ~ '^[^\s@]+@[^\s@]+\.[^\s@]+( [^\s@]+@[^\s@]+\.[^\s@]+)*$')
  ),
  constraint numbers_are_international check (
    kind <> 'sms' or array_to_string(recipients, ' ') ~ '^\+[1-9]\d{6,14}( \+[1-9]\d{6,14})*$'
  ),
  constraint a_channel_that_posts_has_an_http_url check (
    kind in ('email', 'sms') or (url is not null and url ~* '^https?://[^/\s@]+(/\S*)?$')
  ),
  constraint headers_are_an_object check (jsonb_typeof(headers) = 'object')
);

create index alert_channels_project_id_idx on tocsin.alert_channels (project_id);

comment on table tocsin.alert_channels is
  'Where notifications go. Edit it here or in the dashboard; attach it with '
  'alert_setting_channels. Try it with: select tocsin.send_test_alert(''<channel_id>'')';
comment on column tocsin.alert_channels.channel_id is 'The channel.';
comment on column tocsin.alert_channels.project_id is
  'The project it belongs to; null: to the operators, for settings that belong to no project.';
comment on column tocsin.alert_channels.name is 'What people call it.';
comment on column tocsin.alert_channels.kind is 'email, webhook, slack, sms or alertmanager.';
comment on column tocsin.alert_channels.recipients is
  'For email: one to fifty addresses. For sms: one to twenty numbers, like +4915112345678.';
comment on column tocsin.alert_channels.url is
  'For webhook and alertmanager: the address to post to. For slack: its incoming webhook, of which '
  'only the end is shown here once it is in Vault. https, unless the function''s secrets allow the '
  'host.';
comment on column tocsin.alert_channels.headers is
  'For webhook and alertmanager: further request headers, {"name": "value"}. Editors of the '
  'channel can read them.';
comment on column tocsin.alert_channels.secret_id is
  'For webhook: the signing secret in Vault, made by itself; for slack: its address. See '
  'tocsin.channel_secret().';
comment on column tocsin.alert_channels.is_enabled is
  'Off: nothing is sent here. Turned off by itself when the receiver wants no more, or when '
  'nothing arrived for five days: tocsin.channel_states says why.';
comment on column tocsin.alert_channels.created_at is 'When it was made.';
comment on column tocsin.alert_channels.updated_at is 'When it was last changed.';

create table tocsin_internal.old_channel_secrets (
  secret_id uuid primary key,
  channel_id uuid not null references tocsin.alert_channels (channel_id) on delete cascade,
  signs_until timestamptz not null
);

create index old_channel_secrets_channel_id_idx on tocsin_internal.old_channel_secrets (channel_id);

comment on table tocsin_internal.old_channel_secrets is
  'Signing secrets that were rotated and still sign beside the new one. Written by '
  'tocsin.rotate_channel_secret().';
comment on column tocsin_internal.old_channel_secrets.secret_id is 'The secret in Vault.';
comment on column tocsin_internal.old_channel_secrets.channel_id is 'The channel that signs.';
comment on column tocsin_internal.old_channel_secrets.signs_until is 'Until when it signs.';

-- A channel and its secret ------------------------------------------------------------------------

create function tocsin_internal.read_secret(p_secret_id uuid) returns text
language plpgsql stable set search_path = ''
as $$
begin
  return (select decrypted_secret from vault.decrypted_secrets where id = p_secret_id);
exception when others then
  -- a copied database holds what it cannot decrypt, and Vault raises: one such secret must not
  -- stop the others. doctor() names it.
  return null;
end
$$;

comment on function tocsin_internal.read_secret(uuid) is
  'A secret in Vault; null when it is not there or cannot be decrypted here.';

create function tocsin_internal.new_signing_secret() returns text
language sql volatile set search_path = ''
as $$
  -- two random uuids and a hash over four: 32 bytes, of which 256 bits are chance
  select 'whsec_' || encode(sha256(convert_to(
    string_agg(gen_random_uuid()::text, ''), 'UTF8')), 'base64')
  from generate_series(1, 4)
$$;

comment on function tocsin_internal.new_signing_secret() is
  'A new secret to sign with, as Standard Webhooks writes them: whsec_ and 32 bytes.';

create function tocsin_internal.keep_channel_secret() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_address text;
begin
  if tg_op = 'DELETE' then
    delete from vault.secrets where id = old.secret_id or id in (
      select secret_id from tocsin_internal.old_channel_secrets where channel_id = old.channel_id);
    return old;
  end if;

  -- what is pasted brings blanks along, and Studio's empty field is an empty text
  new.url := nullif(btrim(new.url, E' \t\r\n'), '');
  new.recipients := array(select btrim(t, E' \t\r\n')
    from unnest(new.recipients) with ordinality as r (t, place) order by place);

  -- nobody may point a channel at another one's secret
  new.secret_id := null;
  if tg_op = 'UPDATE' then
    new.channel_id := old.channel_id;
    if new.kind = old.kind then
      new.secret_id := old.secret_id;
    elsif old.secret_id is not null then
      delete from vault.secrets where id = old.secret_id;
    end if;
    -- where it is sent has changed, or it is turned on again: it begins anew
    if (new.is_enabled and not old.is_enabled) or new.kind <> old.kind
      or new.url is distinct from old.url or new.recipients <> old.recipients
      or new.headers <> old.headers
    then
      delete from tocsin.channel_states where channel_id = old.channel_id;
    end if;
  end if;
  if new.kind not in ('webhook', 'slack') then
    return new;
  end if;

  if not tocsin_internal.has_extension('supabase_vault') then
    raise exception 'A % channel needs Vault to keep its secret', new.kind
      using errcode = 'TC010',
        hint = 'Enable the extension supabase_vault under Database > Extensions.';
  end if;
  if new.kind = 'webhook' then
    new.secret_id := coalesce(new.secret_id,
      -- an upsert comes here before it finds the row that is there
      (select id from vault.secrets where name = 'tocsin_channel_' || new.channel_id),
      vault.create_secret(tocsin_internal.new_signing_secret(),
        'tocsin_channel_' || new.channel_id));
    return new;
  end if;

  if tg_op = 'UPDATE' and new.secret_id is not null and new.url = old.url then
    return new;
  end if;
  v_address := new.url;
  if v_address is null or v_address ~ '…' or v_address !~* '^https?://[^/\s@]+/\S+$' then
    raise exception 'That is not the whole address of an incoming webhook: "%"',
      tocsin_internal.mask_address(v_address)
      using errcode = 'TC060', hint = 'Copy it from Slack: https://hooks.slack.com/services/…/…/…';
  end if;
  new.url := tocsin_internal.mask_address(v_address);
  if new.secret_id is null then
    -- A name of its own each time: an insert that meets a row under the same id must not reach
    -- that row's secret. What is left over goes with the upkeep.
    new.secret_id := vault.create_secret(v_address,
      'tocsin_channel_' || new.channel_id || '_' || left(gen_random_uuid()::text, 8));
  else
    perform vault.update_secret(new.secret_id, v_address);
  end if;
  return new;
end
$$;

comment on function tocsin_internal.keep_channel_secret() is
  'Trigger of alert_channels: makes a webhook''s signing secret, moves a Slack channel''s address '
  'into Vault, and drops both with the channel. Raises TC010 and TC060.';

create function tocsin_internal.mask_address(p_url text) returns text
language sql immutable set search_path = ''
as $$
  select coalesce(substring(p_url from '^https?://[^/\s@]+/'), '') || '…' || right(p_url, 4)
$$;

comment on function tocsin_internal.mask_address(text) is
  'An address that is a secret, as people may see it: its host and its last four characters.';

create trigger alert_channels_keep_secret before insert or update or delete
  on tocsin.alert_channels for each row execute function tocsin_internal.keep_channel_secret();
create trigger alert_channels_touch before update
  on tocsin.alert_channels for each row execute function tocsin_internal.touch_updated_at();

create function tocsin_internal.signing_secrets(
  p_channel tocsin.alert_channels, p_now timestamptz
) returns text[]
language sql stable set search_path = ''
as $$
  select array_remove(array_prepend(
    tocsin_internal.read_secret(p_channel.secret_id),
    array(select tocsin_internal.read_secret(o.secret_id)
      from tocsin_internal.old_channel_secrets o
      where o.channel_id = p_channel.channel_id and o.signs_until > p_now
      order by o.signs_until desc)), null)
$$;

comment on function tocsin_internal.signing_secrets(tocsin.alert_channels, timestamptz) is
  'A channel''s secrets at a moment, newest first: its own, and those that were rotated and still '
  'sign.';

-- In plpgsql, so that it can be created where Vault is not installed.
create function tocsin_internal.reveal_channel_secret(p_secret_id uuid) returns text
language plpgsql stable security definer set search_path = ''
as $$
begin
  return (
    select tocsin_internal.read_secret(id) from vault.secrets
    where id = p_secret_id and name like 'tocsin\_channel\_%');
end
$$;

comment on function tocsin_internal.reveal_channel_secret(uuid) is
  'A channel''s secret by its id in Vault, which only those learn who may edit the channel.';

create function tocsin_internal.editable_channel(p_channel_id uuid) returns tocsin.alert_channels
language plpgsql stable set search_path = ''
as $$
declare
  v_channel tocsin.alert_channels;
begin
  -- as the caller: RLS hides the channels that the caller may not edit
  select * into v_channel from tocsin.alert_channels where channel_id = p_channel_id;
  if not found then
    raise exception 'There is no channel % that you may edit', p_channel_id using errcode = 'TC011',
      hint = 'Ask an editor of its project, or an operator.';
  end if;
  return v_channel;
end
$$;

comment on function tocsin_internal.editable_channel(uuid) is
  'The channel, if the caller may edit it. Raises TC011.';

create function tocsin.channel_secret(p_channel_id uuid) returns text
language sql stable set search_path = ''
as $$
  select tocsin_internal.reveal_channel_secret(
    (tocsin_internal.editable_channel(p_channel_id)).secret_id)
$$;

comment on function tocsin.channel_secret(uuid) is
  'The secret (whsec_…) with which a webhook channel signs, so that its receiver can verify, or '
  'the address of a Slack channel; for those who may edit the channel. Null when Vault cannot '
  'decrypt it. Raises TC011.';

create function tocsin_internal.replace_signing_secret(
  p_secret_id uuid, p_signs_until timestamptz
) returns text
language plpgsql security definer set search_path = ''
as $$
declare
  v_channel tocsin.alert_channels;
  v_old text;
  v_new constant text := tocsin_internal.new_signing_secret();
begin
  -- by the secret's id, which only those see who may edit the channel
  select * into v_channel from tocsin.alert_channels
  where secret_id = p_secret_id and kind = 'webhook' for update;
  v_old := tocsin_internal.read_secret(v_channel.secret_id);
  perform vault.update_secret(v_channel.secret_id, v_new);
  if v_old is not null then
    insert into tocsin_internal.old_channel_secrets (secret_id, channel_id, signs_until)
    values (vault.create_secret(v_old,
      'tocsin_channel_' || v_channel.channel_id || '_' || left(gen_random_uuid()::text, 8)),
      v_channel.channel_id, p_signs_until);
  end if;
  return v_new;
end
$$;

comment on function tocsin_internal.replace_signing_secret(uuid, timestamptz) is
  'Gives a webhook channel a new secret and keeps the old one signing until p_signs_until.';

create function tocsin.rotate_channel_secret(
  p_channel_id uuid, p_overlap interval default '24 hours',
  p_now timestamptz default clock_timestamp()
) returns text
language plpgsql set search_path = ''
as $$
declare
  v_channel constant tocsin.alert_channels := tocsin_internal.editable_channel(p_channel_id);
begin
  if v_channel.kind <> 'webhook' or v_channel.secret_id is null then
    raise exception 'The % channel "%" does not sign', v_channel.kind, v_channel.name
      using errcode = 'TC061',
        hint = 'Only webhooks do. To give a Slack channel another address, update its url.';
  end if;
  if p_overlap is null or p_overlap < interval '0' or p_overlap > interval '7 days' then
    raise exception 'The old secret cannot go on signing for %', coalesce(p_overlap::text, 'null')
      using errcode = 'TC062', hint = 'Give an interval between 0 and 7 days.';
  end if;
  return tocsin_internal.replace_signing_secret(v_channel.secret_id, p_now + p_overlap);
end
$$;

comment on function tocsin.rotate_channel_secret(uuid, interval, timestamptz) is
  'Gives a webhook channel a new signing secret and returns it. Until p_overlap is over, the old '
  'one signs too, so that the receiver can change over in that time. For those who may edit the '
  'channel. Raises TC011, TC061 and TC062.';

create function tocsin_internal.refuse_to_move() returns trigger
language plpgsql set search_path = ''
as $$
begin
  if new.project_id is distinct from old.project_id then
    raise exception 'The % "%" cannot move to another project', tg_argv[0], new.name
      using errcode = 'TC012', hint = 'Make a new one there, and delete this one.';
  end if;
  return new;
end
$$;

comment on function tocsin_internal.refuse_to_move() is
  'Trigger: settings and channels stay in the project they were made for. Raises TC012.';

create trigger alert_channels_stay before update on tocsin.alert_channels
  for each row execute function tocsin_internal.refuse_to_move('channel');

-- Row-level security and privileges; those of alert_channels are with the settings'
-- -----------------

alter table tocsin_internal.old_channel_secrets enable row level security;

create policy nobody_reads_it_through_the_api on tocsin_internal.old_channel_secrets using (false);

revoke all on tocsin_internal.old_channel_secrets
  from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.editable_channel(uuid) to authenticated;
grant execute on function tocsin_internal.replace_signing_secret(uuid, timestamptz)
  to authenticated;
revoke all on function tocsin.channel_secret(uuid),
  tocsin.rotate_channel_secret(uuid, interval, timestamptz) from public, anon, service_role;
grant execute on function tocsin.rotate_channel_secret(uuid, interval, timestamptz)
  to authenticated;
