begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(14);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer');
insert into tocsin.alert_channels (channel_id, project_id, name, kind, url) values
  ('00000000-0000-4000-8000-0000000000c1', 'a', 'Team', 'alertmanager', 'https://am.example');
insert into tocsin.alert_settings (setting_id, project_id, name, kind, group_wait) values
  ('00000000-0000-4000-8000-0000000000a1', 'a', 'Failures', 'failure_count', '0');
insert into tocsin.alert_setting_channels (setting_id, channel_id) values
  ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000c1');
select tocsin_internal.count_outcomes(array_agg(row(1, 's', 'r', p, 'w', 'failed', 1, null, null,
  null, '2026-03-01 12:00:30Z', '2026-03-01 12:00:30Z')::tocsin_internal.run_outcomes),
  '2026-03-01 12:01Z') from unnest(array['a', 'b']) as p, generate_series(1, 10);
insert into tocsin_internal.evaluated_settings (setting_id, evaluated_until)
values ('00000000-0000-4000-8000-0000000000a1', '2026-03-01 12:00Z');
select from tocsin_internal.evaluate('2026-03-01 12:01:05Z');
select from tocsin_internal.close_windows('2026-03-01 12:01:40Z');
select tocsin.record_attempt(delivery_id, attempt, 'retry', '2026-03-01 12:01:41Z',
  '2026-03-01 12:01:42Z', '2026-03-01 12:02Z', p_http_status => 503, p_error => 'busy')
from tocsin.claim_deliveries(10, 120, '2026-03-01 12:01:41Z');

create function pg_temp.as_user(p_user text, p_query text) returns jsonb language plpgsql as $$
declare
  v_answer jsonb;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  execute 'select (' || p_query || ')::jsonb' into v_answer;
  reset role;
  return v_answer;
end
$$;

create temp table list as select pg_temp.as_user('0a',
  'tocsin.dashboard_alerts(''2026-03-01Z'', ''2026-03-02Z'')') as t;
select is((select t #>> '{active,0,state}' from list), 'firing', 'What fires is active,');
select is((select t #>> '{active,0,workflow_id}' from list), 'w', 'with what it is about.');
select is((select t -> 'past' from list), '[]', 'Nothing is past.');
select is((select (t ->> 'notification_count')::int from list), 1, 'One notification was made.');

create temp table story as select pg_temp.as_user('0a', format('tocsin.dashboard_alert(%L)',
  (select alert_id from tocsin.alerts))) as t;
select is((select t #>> '{alert,setting_name}' from story), 'Failures', 'An alert by itself:');
select is((select t #>> '{transitions,0,transition}' from story), 'fired', 'what became of it,');
select is((select t #>> '{decisions,0,what}' from story), 'fired', 'what was decided,');
select is((select t #>> '{notifications,0,deliveries,0,channel_name}' from story), 'Team',
  'to whom it was sent,');
select is((select t #> '{notifications,0,deliveries,0,attempts,0,http_status}' from story), '503',
  'and what they answered.');
select is((select t #>> '{setting,name}' from story), 'Failures', 'Its setting comes along.');
select is(pg_temp.as_user('0a', format('tocsin.dashboard_test(%L)',
  (select delivery_id from tocsin.deliveries))) #>> '{deliveries,0,state}', 'pending',
  'A delivery can be followed by itself.');

select is(pg_temp.as_user('99',
  'tocsin.dashboard_alerts(''2026-03-01Z'', ''2026-03-02Z'')') -> 'active', '[]',
  'A stranger sees none,');
select is(pg_temp.as_user('99', format('tocsin.dashboard_alert(%L)',
  (select alert_id from tocsin.alerts))), null, 'and no story.');
set local role anon;
select throws_ok($$select tocsin.dashboard_alerts(now(), now())$$, '42501', null,
  'Nobody else may ask.');

select * from finish();
rollback;
