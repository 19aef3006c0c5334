-- Settings: what people want to hear about, and where.
--
-- An alert setting says of which kind of event it wants to hear, for one workflow, for one project
-- or for everything, how often at most, and through which channels. Setting and channel belong to
-- the same project, or both to none; those of no project are the operators'.
--
-- Errors: TC012, TC040, TC067 (docs/reference/errors.md).

create type tocsin.alert_grouping as enum ('workflow', 'project', 'setting');
comment on type tocsin.alert_grouping is
  'What is told together: workflow (each by itself), project, or setting (all that it matches).';

create type tocsin.no_data_behavior as enum ('keep', 'ok', 'alert');
comment on type tocsin.no_data_behavior is
  'What a measure does when there is nothing to judge: keep its state, take it as ok, or alert.';

create table tocsin.alert_settings (
  setting_id uuid primary key default gen_random_uuid(),
  name text not null,
  kind text not null default 'run_failed' references tocsin.alert_kinds (kind),
  project_id text,
  workflow_id text,
  parameters jsonb not null default '{}',
  severity tocsin.severity not null default 'high',
  replaces_general boolean not null default false,
  evaluation_interval interval not null default '1 minute',
  for_duration interval not null default '0',
  keep_firing_for interval not null default '0',
  on_no_data tocsin.no_data_behavior not null default 'keep',
  notify_resolved boolean not null default true,
  group_by tocsin.alert_grouping not null default 'workflow',
  group_wait interval,
  throttle_limit int not null default 1,
  throttle_window interval not null default '5 minutes',
  repeat_interval interval not null default '4 hours',
  template text,
  labels jsonb not null default '{}',
  is_enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_setting_has_a_name check (name ~ '\S' and length(name) <= 100),
  constraint a_workflow_is_named_with_its_project
    check (workflow_id is null or project_id is not null),
  constraint throttle_limit_is_at_least_one check (throttle_limit between 1 and 1000),
  constraint throttle_window_is_up_to_a_week
    check (throttle_window between interval '0' and interval '7 days'),
  constraint evaluation_interval_is_whole_minutes_up_to_a_day
    check (evaluation_interval between interval '1 minute' and interval '1 day'
      and extract(epoch from evaluation_interval) % 60 = 0),
  constraint for_duration_is_up_to_a_week
    check (for_duration between interval '0' and interval '7 days'),
  constraint keep_firing_for_is_up_to_a_week
    check (keep_firing_for between interval '0' and interval '7 days'),
  constraint labels_are_texts_by_name check (jsonb_typeof(labels) = 'object'
      and not labels @? '$.* ? (@.type() != "string")' and length(labels::text) <= 2000),
  constraint group_wait_is_up_to_an_hour
    check (group_wait between interval '0' and interval '1 hour'),
  constraint repeat_interval_is_zero_or_a_minute_to_a_month
    check (repeat_interval = interval '0'
      or repeat_interval between interval '1 minute' and interval '31 days')
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
comment on column tocsin.alert_settings.parameters is
  'What the kind needs to know, as tocsin.alert_kinds describes it: {"threshold": 5}. What is left '
  'out gets its default when the row is saved.';
comment on column tocsin.alert_settings.severity is
  'How bad it is when a measure fires. Failures and errors have a severity of their own.';
comment on column tocsin.alert_settings.replaces_general is
  'Whether more general settings of the same kind are silent where this one applies, instead of '
  'being told as well.';
comment on column tocsin.alert_settings.evaluation_interval is
  'For a measure: how often it is judged, in whole minutes.';
comment on column tocsin.alert_settings.for_duration is
  'For a measure: how long it must be over its limit before it fires. 0: fires at once.';
comment on column tocsin.alert_settings.keep_firing_for is
  'For a measure: how long it must be back before it is resolved. 0: resolves at once.';
comment on column tocsin.alert_settings.on_no_data is
  'For a measure, when there is too little to judge: keep (stays as it is), ok, or alert.';
comment on column tocsin.alert_settings.notify_resolved is
  'Whether to tell when an alert that was told is over.';
comment on column tocsin.alert_settings.group_by is
  'What one notification tells together, and what one throttle window counts: each workflow by '
  'itself, each project, or all that the setting matches.';
comment on column tocsin.alert_settings.group_wait is
  'How long to wait for more before telling the first. Null: 0 for failures and errors, 30 seconds '
  'for measures.';
comment on column tocsin.alert_settings.throttle_limit is
  'How many notifications may be sent in one throttle window (of each workflow, unless group_by '
  'says otherwise).';
comment on column tocsin.alert_settings.throttle_window is
  'How long a throttle window is. What it held back is told at its end. 0: every failure is told.';
comment on column tocsin.alert_settings.repeat_interval is
  'How often an alert that still fires and is not acknowledged is told again. 0: never.';
comment on column tocsin.alert_settings.template is
  'What it says instead of the usual text, with {{placeholders}} from '
  'tocsin.template_placeholders(); the first line is the headline. Null: the usual text.';
comment on column tocsin.alert_settings.labels is
  'Words of your own by which routes find it: {"team": "billing"}.';
comment on column tocsin.alert_settings.is_enabled is 'Off: matches nothing.';
comment on column tocsin.alert_settings.created_at is 'When it was made.';
comment on column tocsin.alert_settings.updated_at is 'When it was last changed.';

create table tocsin.alert_setting_channels (
  setting_id uuid not null references tocsin.alert_settings (setting_id) on delete cascade,
  channel_id uuid not null references tocsin.alert_channels (channel_id) on delete cascade,
  after_interval interval not null default '0',
  primary key (setting_id, channel_id),
  constraint escalation_is_within_a_week
    check (after_interval between interval '0' and interval '7 days')
);

create index alert_setting_channels_channel_id_idx on tocsin.alert_setting_channels (channel_id);

comment on table tocsin.alert_setting_channels is 'Which setting notifies through which channels.';
comment on column tocsin.alert_setting_channels.setting_id is 'The setting.';
comment on column tocsin.alert_setting_channels.channel_id is 'The channel.';
comment on column tocsin.alert_setting_channels.after_interval is
  '0: told at once. Otherwise an escalation: told when nobody acknowledged the alert for so long.';

create function tocsin_internal.keep_parameters_complete() returns trigger
language plpgsql set search_path = ''
as $$
begin
  new.parameters := tocsin_internal.complete_parameters(new.kind, new.parameters);
  return new;
end
$$;

comment on function tocsin_internal.keep_parameters_complete() is
  'Trigger: checks the parameters of a setting and fills in its kind''s defaults. Raises TC040.';

create trigger alert_settings_parameters before insert or update of kind, parameters
  on tocsin.alert_settings for each row execute function tocsin_internal.keep_parameters_complete();

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

create trigger alert_settings_check_template before insert or update of template, name
  on tocsin.alert_settings for each row execute function tocsin_internal.check_template();

create trigger alert_settings_stay before update on tocsin.alert_settings
  for each row execute function tocsin_internal.refuse_to_move('setting');

create table tocsin.workflow_settings (
  project_id text not null,
  workflow_id text not null,
  criticality tocsin.criticality not null default 'normal',
  max_duration interval,
  labels jsonb not null default '{}',
  updated_at timestamptz not null default clock_timestamp(),
  primary key (project_id, workflow_id),
  constraint labels_are_texts_by_name check (jsonb_typeof(labels) = 'object'
      and not labels @? '$.* ? (@.type() != "string")' and length(labels::text) <= 2000),
  constraint max_duration_is_a_minute_to_a_month
    check (max_duration between interval '1 minute' and interval '30 days')
);

comment on table tocsin.workflow_settings is
  'What people say of a workflow. A workflow without a row is of normal criticality.';
comment on column tocsin.workflow_settings.project_id is 'Its project; empty: none.';
comment on column tocsin.workflow_settings.workflow_id is 'The workflow, as its runs name it.';
comment on column tocsin.workflow_settings.criticality is
  'How much it matters. Failures of a critical workflow are of high severity.';
comment on column tocsin.workflow_settings.max_duration is
  'How long a run of it may run before it is stuck. Null: as long as its source and each setting '
  'of the kind run_stuck say.';
comment on column tocsin.workflow_settings.labels is
  'Words of your own by which routes find what is about it: {"team": "billing"}.';
comment on column tocsin.workflow_settings.updated_at is 'When it was last changed.';

create trigger workflow_settings_touch before update
  on tocsin.workflow_settings for each row execute function tocsin_internal.touch_updated_at();

revoke all on all functions in schema tocsin_internal from public;
