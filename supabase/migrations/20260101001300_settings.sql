-- Settings: what people want to hear about, and where.
--
-- An alert setting says of which kind of event it wants to hear, for one workflow, for one project
-- or for everything, how often at most, and through which channels. Setting and channel belong to
-- the same project, or both to none; those of no project are the operators'.
--
-- Errors: TC012 (docs/reference/errors.md).

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

create trigger alert_settings_touch before update
  on tocsin.alert_settings for each row execute function tocsin_internal.touch_updated_at();

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

create trigger alert_settings_stay before update on tocsin.alert_settings
  for each row execute function tocsin_internal.refuse_to_move('setting');
