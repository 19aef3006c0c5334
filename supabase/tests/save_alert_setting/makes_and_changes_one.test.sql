begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(12);

insert into tocsin.alert_channels (channel_id, name, kind, recipients, project_id) values
  ('00000000-0000-4000-8000-0000000000c1', 'mail', 'email', '{a@b.test}', 'a'),
  ('00000000-0000-4000-8000-0000000000c2', 'page', 'email', '{b@b.test}', 'a'),
  ('00000000-0000-4000-8000-0000000000c3', 'other', 'email', '{c@b.test}', 'b');

create function pg_temp.save(p_setting jsonb) returns jsonb language sql as $$
  select tocsin.save_alert_setting(p_setting) $$;
create function pg_temp.paths(p_answer jsonb) returns text language sql as $$
  select string_agg(i ->> 'path', ', ')
  from jsonb_array_elements(p_answer #> '{error,issues}') as i $$;
create temp table answers (made jsonb);

insert into answers select pg_temp.save('{"name": "Imports", "project_id": "a",
  "kind": "failure_rate", "parameters": {"threshold": 7}, "throttle_window": "10 minutes",
  "channels": [{"channel_id": "00000000-0000-4000-8000-0000000000c1"},
    {"channel_id": "00000000-0000-4000-8000-0000000000c2", "after_interval": "15 minutes"}]}');
select is((select made ->> 'status' from answers), '201', 'A new one is made,');
select results_eq($$
  select s.name, s.parameters ->> 'threshold', s.throttle_window, s.throttle_limit
  from tocsin.alert_settings s, answers
  where s.setting_id = (made #>> '{setting,setting_id}')::uuid
$$, $$values ('Imports', '7', interval '10 minutes', 1)$$,
  'with what was given, and defaults for the rest;');
select results_eq($$
  select c ->> 'name', c ->> 'after_interval'
  from answers, jsonb_array_elements(made #> '{setting,channels}') as c
$$, $$values ('mail', '00:00:00'), ('page', '00:15:00')$$, 'its channels are told, in order.');

select is(pg_temp.save(jsonb_build_object('setting_id', made #> '{setting,setting_id}',
    'throttle_limit', 3, 'updated_at', made #> '{setting,updated_at}',
    'channels', '[{"channel_id": "00000000-0000-4000-8000-0000000000c2"}]'::jsonb))
  #>> '{setting,throttle_limit}', '3', 'What is given of one that is there changes,')
from answers;
select results_eq($$
  select s.name, s.parameters ->> 'threshold', c.name, sc.after_interval
  from tocsin.alert_settings s join tocsin.alert_setting_channels sc using (setting_id)
  join tocsin.alert_channels c using (channel_id)
$$, $$values ('Imports', '7', 'page', interval '0')$$,
  'the rest stays, and channels are replaced.');
select is((select count(*)::int from tocsin.configuration_changes
  where record = 'alert_settings'), 2, 'Both leave a row in the audit.');
select is(pg_temp.save(jsonb_build_object('setting_id', made #> '{setting,setting_id}',
    'name', 'Mine', 'updated_at', '2026-01-01T00:00:00Z')) #>> '{error,code}', 'TC088',
  'What was changed since it was read is a conflict.') from answers;
select is(pg_temp.save(jsonb_build_object('setting_id', made #> '{setting,setting_id}',
    'kind', 'run_failed')) #>> '{setting,parameters,min_severity}', 'low',
  'Another kind begins with its own parameters.') from answers;
select is(pg_temp.save(jsonb_build_object('setting_id', made #> '{setting,setting_id}',
    'project_id', 'b')) #>> '{error,code}', 'TC012', 'None moves to another project.') from answers;
select is(pg_temp.save('{"setting_id": "00000000-0000-4000-8000-000000000009"}')
  ->> 'status', '404', 'One that is not there is not found.');

select is(pg_temp.paths(pg_temp.save('{"kind": "failure_rate", "throttle_window": "a while",
  "severity": "terrible", "group_wait": 7, "parameters": {"threshold": 700, "colour": "red"}}')),
  'severity, throttle_window, parameters.colour, parameters.threshold, project_id',
  'Each field that cannot be is named at once.');
select is(pg_temp.paths(pg_temp.save('{"name": "x", "project_id": "a", "channels": [
  {"channel_id": "00000000-0000-4000-8000-0000000000c1"},
  {"channel_id": "00000000-0000-4000-8000-0000000000c3"},
  {"channel_id": "00000000-0000-4000-8000-0000000000c1"},
  {"channel_id": "00000000-0000-4000-8000-0000000000c2", "after_interval": "9 days"}]}')),
  'channels.0.channel_id, channels.1.channel_id, channels.2.channel_id, channels.3.after_interval',
  'So is each channel: of another project, twice, too late.');

select * from finish();
rollback;
