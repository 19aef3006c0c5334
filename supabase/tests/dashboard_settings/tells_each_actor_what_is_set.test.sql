begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.alert_channels (channel_id, project_id, name, kind, recipients) values
  ('00000000-0000-4000-8000-0000000000c1', 'a', 'Team', 'email', '{a@example.com}');
insert into tocsin.alert_settings (setting_id, project_id, name, kind) values
  ('00000000-0000-4000-8000-0000000000a1', 'a', 'Of a', 'failure_rate'),
  ('00000000-0000-4000-8000-0000000000b1', 'b', 'Of b', 'failure_rate'),
  ('00000000-0000-4000-8000-0000000000e1', null, 'Of everything', 'failure_rate');
insert into tocsin.alert_setting_channels (setting_id, channel_id) values
  ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000c1');
insert into tocsin.alerts (setting_id, setting_name, kind, project_id, severity, state,
  pending_since, fired_at, judged_at)
values ('00000000-0000-4000-8000-0000000000a1', 'Of a', 'failure_rate', 'a', 'high', 'firing',
  now(), now(), now());
select tocsin_internal.count_outcomes(array[row(1, 's', 'r', 'a', 'w', 'failed', 1, null, null,
  null, now(), now())::tocsin_internal.run_outcomes], now());
insert into tocsin.names values ('a', 'w', 'Import', now());

create function pg_temp.settings(p_user text, p_project text default null) returns jsonb
language plpgsql as $$
declare
  v_answer jsonb;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  v_answer := tocsin.dashboard_settings(p_project);
  reset role;
  return v_answer;
end
$$;

create temp table seen as select pg_temp.settings('0a') as t;
select is(jsonb_path_query_array((select t from seen), '$.settings.name'), '["Of a"]',
  'A viewer sees the settings of their project,');
select is((select t #> '{settings,0,firing_count}' from seen), '1', 'what of them fires,');
select is((select t #> '{settings,0,channels,0,name}' from seen), 'null',
  'and of channels not even the name.');
select is((select t -> 'workflows' from seen),
  '[{"project_id": "a", "workflow_id": "w", "name": "Import"}]', 'Workflows are offered.');
select is((select jsonb_array_length(t -> 'kinds') from seen),
  (select count(*)::int from tocsin.alert_kinds), 'So is every kind.');
select is(jsonb_path_query_array(pg_temp.settings('ff'), '$.settings.name'),
  '["Of a", "Of b", "Of everything"]', 'An operator sees all,');
select is(jsonb_path_query_array(pg_temp.settings('ff', 'b'), '$.settings.name'),
  '["Of b", "Of everything"]', 'or what applies to a project.');
select is(pg_temp.settings('99') -> 'settings', '[]', 'A stranger sees none.');
set local role anon;
select throws_ok('select tocsin.dashboard_settings()', '42501', null, 'Nobody else may ask.');

select * from finish();
rollback;
