begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer');
insert into tocsin.alert_settings (name, project_id, workflow_id, kind, replaces_general,
  is_enabled) values
  ('all', null, null, 'run_failed', false, true),
  ('all rates', null, null, 'failure_rate', false, true),
  ('of a', 'a', null, 'run_failed', true, true),
  ('of a, off', 'a', null, 'run_failed', true, false),
  ('of import', 'a', 'import', 'run_failed', true, true),
  ('also of import', 'a', 'import', 'failure_rate', false, true),
  ('of export', 'a', 'export', 'run_failed', true, true),
  ('of b', 'b', null, 'run_failed', true, true),
  ('of nothing', '', null, 'run_failed', false, true);
insert into tocsin.alert_channels (channel_id, name, kind, recipients, project_id) values
  ('00000000-0000-4000-8000-0000000000c1', 'mail', 'email', '{a@b.test}', 'a');
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, '00000000-0000-4000-8000-0000000000c1' from tocsin.alert_settings
where name = 'of a';

create function pg_temp.lines(p_project text, p_workflow text default null) returns setof text
language sql as $$
  select format('%s|%s|%s|%s|%s', s ->> 'name', s ->> 'level',
    case when (s ->> 'is_inherited')::boolean then 'inherited' else 'own' end,
    case when (s ->> 'applies')::boolean then 'applies' else 'does not' end,
    (select string_agg(r ->> 'name', ', ') from jsonb_array_elements(s -> 'replaced_by') as r))
  from jsonb_array_elements(
    tocsin.read_alert_settings(p_project, p_workflow) -> 'settings') as s
$$;

select results_eq($$select pg_temp.lines('a', 'import')$$, $$values
  ('also of import|workflow|own|applies|'), ('of import|workflow|own|applies|'),
  ('of a|project|inherited|does not|of import'),
  ('of a, off|project|inherited|does not|of import'),
  ('all rates|everything|inherited|applies|'),
  ('all|everything|inherited|does not|of import, of a')
$$, 'A workflow has its own, then its project''s, then those for everything.');
select results_eq($$select pg_temp.lines('a')$$, $$values
  ('of a|project|own|applies|'), ('of a, off|project|own|does not|'),
  ('all rates|everything|inherited|applies|'), ('all|everything|inherited|does not|of a')
$$, 'A project has its own and those for everything;');
select results_eq($$
  select s ->> 'name' from jsonb_array_elements(
    tocsin.read_alert_settings('a') -> 'more_specific') as s
$$, $$values ('of export'), ('also of import'), ('of import')$$,
  'beside them those of its workflows.');

-- as a viewer
select set_config('request.jwt.claims', '{"role": "authenticated",
  "sub": "00000000-0000-4000-8000-00000000000a"}', true);
set local role authenticated;
select results_eq($$select pg_temp.lines('a')$$, $$values
  ('of a|project|own|applies|'), ('of a, off|project|own|does not|')
$$, 'A member sees the project''s, and nothing of the operators''.');
select is(tocsin.read_alert_settings('a') #> '{settings,0,channels}',
  '[{"channel_id": "00000000-0000-4000-8000-0000000000c1", "name": null, "kind": null,
    "is_enabled": null, "after_interval": "00:00:00"}]',
  'Of channels a viewer sees that there is one, and no name.');

select * from finish();
rollback;
