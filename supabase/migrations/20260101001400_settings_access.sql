-- Access to settings: members read settings; editors change settings and see and change channels,
-- whose addresses are not for every viewer's eyes.
--
-- SECURITY DEFINER functions: none.

alter table tocsin.alert_kinds enable row level security;
alter table tocsin.alert_channels enable row level security;
alter table tocsin.alert_settings enable row level security;
alter table tocsin.alert_setting_channels enable row level security;
alter table tocsin.workflow_settings enable row level security;

create policy everybody_sees_the_kinds on tocsin.alert_kinds
  for select to authenticated using (true);

create policy members_see_settings on tocsin.alert_settings
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy editors_add_settings on tocsin.alert_settings
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_change_settings on tocsin.alert_settings
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_remove_settings on tocsin.alert_settings
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

create policy members_see_workflow_settings on tocsin.workflow_settings
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy editors_add_workflow_settings on tocsin.workflow_settings
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_change_workflow_settings on tocsin.workflow_settings
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_remove_workflow_settings on tocsin.workflow_settings
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

create policy editors_see_channels on tocsin.alert_channels
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_add_channels on tocsin.alert_channels
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_change_channels on tocsin.alert_channels
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_remove_channels on tocsin.alert_channels
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

-- The setting's own policies decide which settings the subquery can see.
create policy members_see_what_is_attached on tocsin.alert_setting_channels
  for select to authenticated using (
    exists (
      select from tocsin.alert_settings s
      where s.setting_id = alert_setting_channels.setting_id
    )
  );
create policy editors_attach_channels on tocsin.alert_setting_channels
  for insert to authenticated with check (
    exists (
      select from tocsin.alert_settings s join tocsin.alert_channels c
        on c.project_id is not distinct from s.project_id
      where s.setting_id = alert_setting_channels.setting_id
        and c.channel_id = alert_setting_channels.channel_id
    )
  );
create policy editors_detach_channels on tocsin.alert_setting_channels
  for delete to authenticated using (
    exists (
      select from tocsin.alert_channels c
      where c.channel_id = alert_setting_channels.channel_id
    )
  );

revoke all on tocsin.alert_kinds, tocsin.alert_channels, tocsin.alert_settings,
  tocsin.alert_setting_channels, tocsin.workflow_settings
  from public, anon, authenticated, service_role;
grant select on tocsin.alert_kinds to authenticated, service_role;
grant select, insert, update, delete on tocsin.alert_channels, tocsin.alert_settings,
  tocsin.workflow_settings to authenticated, service_role;
grant select, insert, delete on tocsin.alert_setting_channels to authenticated, service_role;

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.channel_secret(uuid) from public, anon, service_role;
grant execute on function tocsin.channel_secret(uuid) to authenticated;
grant execute on function tocsin_internal.complete_parameters(text, jsonb),
  tocsin_internal.parameter_faults(text, jsonb),
  tocsin_internal.say_parameter_fault(jsonb, jsonb), tocsin_internal.list_choices(jsonb)
  to authenticated, service_role;
grant execute on function tocsin_internal.reveal_channel_secret(uuid) to authenticated;
