begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create table jobs (id int primary key, project_id text, workflow_id text, status text, error text);
select from tocsin.watch_runs('jobs');
insert into tocsin.alert_channels (channel_id, project_id, name, kind, recipients) values
  ('00000000-0000-4000-8000-0000000000c1', 'a', 'Team', 'email', '{a@example.com,b@example.com}');
insert into tocsin.alert_settings (setting_id, project_id, name, kind) values
  ('00000000-0000-4000-8000-0000000000a1', 'a', 'Failures', 'run_failed');
insert into tocsin.alert_setting_channels (setting_id, channel_id) values
  ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000c1');
insert into jobs values (1, 'a', 'w', 'failed', 'boom');
select from tocsin_internal.tick();
insert into tocsin.alerts (setting_id, setting_name, kind, project_id, workflow_id, severity, state,
  pending_since, fired_at, title, judged_at)
values (gen_random_uuid(), 'Rate', 'failure_rate', 'a', 'w', 'high', 'firing',
  now() - interval '2 minutes', now() - interval '1 minute', 'w fails', now());

create temp table told as select tocsin.dashboard_incidents()::jsonb as t;
select is((select t #>> '{alerts,0,title}' from told), 'w fails', 'The alert that fires is told,');
select is((select t #> '{alerts,0,run_count}' from told), '1', 'with the runs that it hurts.');
select is((select t #>> '{errors,0,title}' from told), 'boom', 'The error that came is told,');
select is((select t #>> '{errors,0,workflow_id}' from told), 'w', 'with where it came,');
select is((select (t #> '{errors,0,told,0}') - 'last_at' from told),
  '{"channel_name": "Team", "channel_kind": "email", "state": "pending", "recipient_count": 2,
    "notification_count": 1, "last_error": null}'::jsonb, 'and who is told of it.');

select tocsin.resolve_error_group((select group_id from tocsin.error_groups)) is not null as done;
select is(tocsin.dashboard_incidents()::jsonb -> 'errors', '[]', 'What is resolved is not broken.');
set local role anon;
select throws_ok('select tocsin.dashboard_incidents()', '42501', null, 'Nobody else may ask.');

select * from finish();
rollback;
