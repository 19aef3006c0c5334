begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(10);

insert into tocsin.project_members (project_id, user_id, role)
values ('p', '00000000-0000-4000-8000-00000000000e', 'editor');
set local request.jwt.claims =
  '{"role": "authenticated", "sub": "00000000-0000-4000-8000-00000000000e"}';
set local role authenticated;
insert into tocsin.alert_settings (name, project_id) values ('ours', 'p');
update tocsin.alert_settings set throttle_limit = 3 where true;
update tocsin.alert_settings set throttle_limit = 3 where true;
delete from tocsin.alert_settings where true;
reset role;
select results_eq($$
  select action, project_id, record_name, coalesce(before, '{}') @> '{"throttle_limit": 1}',
    coalesce(after, '{}') @> '{"throttle_limit": 3}', changed_by, changed_as
  from tocsin.configuration_changes where record = 'alert_settings' order by change_id
$$, $$
  values
    ('insert', 'p', 'ours', false, false, '00000000-0000-4000-8000-00000000000e'::uuid,
      'authenticated'),
    ('update', 'p', 'ours', true, true, '00000000-0000-4000-8000-00000000000e', 'authenticated'),
    ('delete', 'p', 'ours', false, false, '00000000-0000-4000-8000-00000000000e', 'authenticated')
$$, 'Each change says who, what, before and after; what changes nothing leaves nothing.');
select is((
  select before from tocsin.configuration_changes
  where record = 'alert_settings' and action = 'update'
), '{"throttle_limit": 1}', 'Of a change, only what changed.');
select is((
  select changed_as from tocsin.configuration_changes where record = 'project_members'
), 'postgres', 'What was done in SQL says as which role.');

insert into tocsin.alert_channels (name, kind, url, headers, project_id) values
  ('hook', 'webhook', 'https://x.example/secret/path?token=abc', '{"x-key": "s3cret"}', 'p');
update tocsin.alert_channels
set url = 'https://x.example/other/path', headers = '{"x-key": "n3w"}' where true;
delete from tocsin.alert_channels where true;
select is((select after -> 'url' from tocsin.configuration_changes
  where record = 'alert_channels' and action = 'insert'), '"https://x.example/***"',
  'Of an address only its host is shown,');
select results_eq($$
  select before, after from tocsin.configuration_changes
  where record = 'alert_channels' and action = 'update'
$$, $$
  values ('{"url": "https://x.example/***", "headers": {"x-key": "***"}}'::jsonb,
    '{"url": "https://x.example/***", "headers": {"x-key": "***"}}'::jsonb)
$$, 'but that it changed, and which headers there are.');
select is_empty($$
  select * from tocsin.configuration_changes c
  where to_jsonb(c)::text ~ 's3cret|n3w|token=abc|/path|secret_id'
$$, 'No secret is in any row.');

insert into tocsin.alert_channels (name, kind, recipients, project_id)
values ('mail', 'email', '{a@b.test}', 'p');
insert into tocsin.alert_settings (name, project_id) values ('ours', 'p');
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into tocsin.quiet_periods (name, project_id) values ('night', 'p');
insert into tocsin.silences (reason, project_id, ends_at) values ('deploy', 'p', now() + '1 hour');
insert into tocsin.alert_routes (name, project_id, channel_id)
select 'severe', 'p', channel_id from tocsin.alert_channels;
insert into tocsin.workflow_settings (project_id, workflow_id, criticality)
values ('p', 'w', 'critical');
update tocsin.retention set keep_for = '20 days' where record = 'error_metrics';
insert into tocsin.operators values ('00000000-0000-4000-8000-0000000000ff');
select bag_has($$
  select record, project_id, record_name from tocsin.configuration_changes
  where action <> 'delete'
$$, $$
  values ('alert_setting_channels', 'p', null), ('quiet_periods', 'p', 'night'),
    ('silences', 'p', 'deploy'), ('alert_routes', 'p', 'severe'), ('workflow_settings', 'p', null),
    ('retention', null, null), ('operators', null, null), ('project_members', 'p', null)
$$, 'Whatever people set is noted.');
select throws_ok($$select tocsin_internal.note_change()$$, '0A000', null, 'Only as a trigger.');
set local role service_role;
select throws_ok($$delete from tocsin.configuration_changes$$, '42501', null,
  'Nobody removes what was noted,');
select throws_ok($$update tocsin.configuration_changes set changed_by = null$$, '42501', null,
  'or changes it.');

select * from finish();
rollback;
