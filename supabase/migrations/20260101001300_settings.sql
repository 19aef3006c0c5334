-- Settings: what people want to hear about, and where.
--
-- An alert setting says of which kind of event it wants to hear, for one workflow, for one project
-- or for everything, how often at most, and through which channels. Setting and channel belong to
-- the same project, or both to none; those of no project are the operators'.
--
-- SECURITY DEFINER functions, each because it works with Vault, which only the owner may use:
--   tocsin_internal.keep_channel_secret()       makes and drops the secret of a webhook channel
--   tocsin_internal.reveal_channel_secret(uuid) shows it by an id that only editors see
--
-- Errors: TC010 to TC012 (docs/reference/errors.md).

create table tocsin.alert_kinds (
  kind text primary key,
  title text not null,
  description text not null
);

comment on table tocsin.alert_kinds is 'The kinds of alert that a setting can choose from.';
comment on column tocsin.alert_kinds.kind is 'The kind.';
comment on column tocsin.alert_kinds.title is 'What people call it.';
comment on column tocsin.alert_kinds.description is 'When it alerts.';

insert into tocsin.alert_kinds (kind, title, description) values
  ('run_failed', 'Run failed',
   'Each run that fails or times out, at once; further failures of the same workflow within the '
   'throttle window are counted and told at its end.');

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

create table tocsin.alert_settings (
  setting_id uuid primary key default gen_random_uuid(),
  name text not null,
  kind text not null default 'run_failed' references tocsin.alert_kinds (kind),
  project_id text,
  workflow_id text,
  throttle_limit int not null default 1,
  throttle_window interval not null default '5 minutes',
  is_enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_setting_has_a_name check (name ~ '\S' and length(name) <= 100),
  constraint a_workflow_is_named_with_its_project
    check (workflow_id is null or project_id is not null),
  constraint throttle_limit_is_at_least_one check (throttle_limit between 1 and 1000),
  constraint throttle_window_is_up_to_a_week
    check (throttle_window between interval '0' and interval '7 days')
);

create index alert_settings_kind_idx on tocsin.alert_settings (kind);
create index alert_settings_project_id_workflow_id_idx on tocsin.alert_settings
  (project_id, workflow_id);

comment on table tocsin.alert_settings is
  'What people want to hear about. One row hears of one workflow, of a project, or of everything.';
comment on column tocsin.alert_settings.setting_id is 'The setting.';
comment on column tocsin.alert_settings.name is 'What people call it; every notification names it.';
comment on column tocsin.alert_settings.kind is 'The kind of event it wants to hear about.';
comment on column tocsin.alert_settings.project_id is
  'The project it is for. Null: for everything (operators only). Empty: for what has no project.';
comment on column tocsin.alert_settings.workflow_id is
  'The workflow it is for, as its runs name it. Null: for every workflow.';
comment on column tocsin.alert_settings.throttle_limit is
  'How many notifications about one workflow may be sent in one throttle window.';
comment on column tocsin.alert_settings.throttle_window is
  'How long a throttle window is. What it held back is told at its end. 0: every failure is told.';
comment on column tocsin.alert_settings.is_enabled is 'Off: matches nothing.';
comment on column tocsin.alert_settings.created_at is 'When it was made.';
comment on column tocsin.alert_settings.updated_at is 'When it was last changed.';

create table tocsin.alert_setting_channels (
  setting_id uuid not null references tocsin.alert_settings (setting_id) on delete cascade,
  channel_id uuid not null references tocsin.alert_channels (channel_id) on delete cascade,
  primary key (setting_id, channel_id)
);

create index alert_setting_channels_channel_id_idx on tocsin.alert_setting_channels (channel_id);

comment on table tocsin.alert_setting_channels is 'Which setting notifies through which channels.';
comment on column tocsin.alert_setting_channels.setting_id is 'The setting.';
comment on column tocsin.alert_setting_channels.channel_id is 'The channel.';

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
create trigger alert_settings_touch before update
  on tocsin.alert_settings for each row execute function tocsin_internal.touch_updated_at();

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
  'the '
  'receiver verifies with it. Null when Vault cannot decrypt it. Raises TC011.';

create function tocsin_internal.refuse_foreign_channel() returns trigger
language plpgsql set search_path = ''
as $$
declare
  v_setting tocsin.alert_settings;
  v_channel tocsin.alert_channels;
begin
  select * into v_setting from tocsin.alert_settings where setting_id = new.setting_id;
  select * into v_channel from tocsin.alert_channels where channel_id = new.channel_id;
  if v_setting.project_id is distinct from v_channel.project_id then
    raise exception 'The setting "%" and the channel "%" belong to different projects',
      v_setting.name, v_channel.name
      using errcode = 'TC012', hint = 'Make a channel for the setting''s own project.';
  end if;
  return new;
end
$$;

comment on function tocsin_internal.refuse_foreign_channel() is
  'Trigger: a setting notifies only through channels of its own project. Raises TC012.';

create trigger alert_setting_channels_refuse_foreign before insert or update
  on tocsin.alert_setting_channels
  for each row execute function tocsin_internal.refuse_foreign_channel();

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
create trigger alert_settings_stay before update on tocsin.alert_settings
  for each row execute function tocsin_internal.refuse_to_move('setting');
