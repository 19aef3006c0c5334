-- Channels: where notifications go, and the secrets with which they are sent.
--
-- SECURITY DEFINER functions, each because it works with Vault, which only the owner may use:
--   tocsin_internal.keep_channel_secret()       makes and drops the secret of a webhook channel
--   tocsin_internal.reveal_channel_secret(uuid) shows it by an id that only editors see
--
-- Errors: TC010 to TC012 (docs/reference/errors.md).

create type tocsin.channel_kind as enum ('email', 'webhook');
comment on type tocsin.channel_kind is 'How a channel tells: email (Resend) or webhook (signed).';

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
  constraint recipients_are_addresses check (
    array_position(recipients, null) is null
    and not array_to_string(recipients, '') ~ '[\s,;<>]'
    and (kind <> 'email' or array_to_string(recipients, ' ')
      ~ '^[^\s@]+@[^\s@]+\.[^\s@]+( [^\s@]+@[^\s@]+\.[^\s@]+)*$')
  ),
  constraint a_webhook_channel_has_an_http_url check (
    kind <> 'webhook' or (url is not null and url ~* '^https?://[^/\s@]+(/\S*)?$')
  ),
  constraint headers_are_an_object check (jsonb_typeof(headers) = 'object')
);

create index alert_channels_project_id_idx on tocsin.alert_channels (project_id);

comment on table tocsin.alert_channels is
  'Where notifications go. Edit it here or in the dashboard; attach it with '
  'alert_setting_channels.';
comment on column tocsin.alert_channels.channel_id is 'The channel.';
comment on column tocsin.alert_channels.project_id is
  'The project it belongs to; null: to the operators, for settings that belong to no project.';
comment on column tocsin.alert_channels.name is 'What people call it.';
comment on column tocsin.alert_channels.kind is 'email or webhook.';
comment on column tocsin.alert_channels.recipients is 'For email: one to fifty addresses.';
comment on column tocsin.alert_channels.url is
  'For webhook: the address to post to. https, unless the function''s secrets allow the host.';
comment on column tocsin.alert_channels.headers is
  'For webhook: further request headers, {"name": "value"}. No place for secrets.';
comment on column tocsin.alert_channels.secret_id is
  'For webhook: the signing secret in Vault, made by itself. See tocsin.channel_secret().';
comment on column tocsin.alert_channels.is_enabled is 'Off: nothing is sent here.';
comment on column tocsin.alert_channels.created_at is 'When it was made.';
comment on column tocsin.alert_channels.updated_at is 'When it was last changed.';

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

create function tocsin_internal.keep_channel_secret() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  if tg_op = 'DELETE' then
    delete from vault.secrets where id = old.secret_id;
    return old;
  end if;

  -- nobody may point a channel at another one's secret
  new.secret_id := null;
  if tg_op = 'UPDATE' then
    new.channel_id := old.channel_id;
    new.secret_id := old.secret_id;
  end if;
  if new.kind = 'webhook' and new.secret_id is null then
    if not tocsin_internal.has_extension('supabase_vault') then
      raise exception 'A webhook channel needs Vault to keep its signing secret'
        using errcode = 'TC010',
          hint = 'Enable the extension supabase_vault under Database > Extensions.';
    end if;
    new.secret_id := coalesce(
      -- an upsert comes here before it finds the row that is there
      (select id from vault.secrets where name = 'tocsin_channel_' || new.channel_id),
      vault.create_secret('whsec_' || encode(decode(replace(
        gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 'base64'),
        'tocsin_channel_' || new.channel_id));
  end if;
  return new;
end
$$;

comment on function tocsin_internal.keep_channel_secret() is
  'Trigger of alert_channels: makes a webhook channel''s signing secret, and drops it with it.';

create trigger alert_channels_keep_secret before insert or update or delete
  on tocsin.alert_channels for each row execute function tocsin_internal.keep_channel_secret();
create trigger alert_channels_touch before update
  on tocsin.alert_channels for each row execute function tocsin_internal.touch_updated_at();

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
  'A channel''s signing secret by its id in Vault, which only those learn who may edit the '
  'channel.';

create function tocsin.channel_secret(p_channel_id uuid) returns text
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
  return tocsin_internal.reveal_channel_secret(v_channel.secret_id);
end
$$;

comment on function tocsin.channel_secret(uuid) is
  'The secret (whsec_…) with which a webhook channel signs, for those who may edit the channel: '
  'the receiver verifies with it. Null when Vault cannot decrypt it. Raises TC011.';

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

-- Row-level security and grants are with those of the settings, in access to settings.

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.channel_secret(uuid) from public, anon, service_role;
