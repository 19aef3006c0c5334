begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
select tocsin_internal.count_outcomes(array_agg(row(1, 's', 'r', p, 'w', 'failed', 1, null, null,
  null, '2026-03-01 12:00:30Z', '2026-03-01 12:00:30Z')::tocsin_internal.run_outcomes),
  '2026-03-01 12:01Z') from unnest(array['a', 'b']) as p, generate_series(1, 10);

create function pg_temp.alerts(p_user text, p_setting jsonb) returns text language plpgsql as $$
declare
  v_alerts text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  select string_agg(a ->> 'project_id', '' order by a ->> 'project_id') into v_alerts
  from jsonb_array_elements(tocsin.backtest(p_setting, '2026-03-01 11:00Z', '2026-03-01 13:00Z',
    p_now => '2026-03-01 13:00Z') -> 'alerts') as a;
  reset role;
  return v_alerts;
end
$$;

select is(pg_temp.alerts('00', '{"kind": "failure_count"}'), null, 'A stranger sees nothing.');
select is(pg_temp.alerts('0a', '{"kind": "failure_count"}'), 'a', 'A viewer their own project.');
select is(pg_temp.alerts('0a', '{"kind": "failure_count", "project_id": "b"}'), null,
  'And not another.');
select is(pg_temp.alerts('0b', '{"kind": "failure_count", "project_id": "b"}'), 'b',
  'An admin theirs.');
select is(pg_temp.alerts('ff', '{"kind": "failure_count"}'), 'ab', 'An operator all.');

select throws_ok($$select tocsin.backtest('{"kind": "failure_count", "colour": 1}')$$, 'TC041',
  'A setting has no "colour"', 'What is no column is named.');
select throws_ok($$select tocsin.backtest('{"kind": "failure_count",
  "parameters": {"threshold": "x"}}')$$, 'TC040', null, 'So is a parameter that cannot be.');
insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
  workflow_id, ingested_at)
select gen_random_uuid(), at, 'worker', 'network', 'high', p, 'w', at
from unnest(array['a', 'b']) as p, (values ('2026-03-01 12:00:30Z'::timestamptz)) as t (at);
select is(pg_temp.alerts('0a', '{"kind": "run_failed", "parameters":
  {"resolve_on_success": true}}'), 'a', 'Of stored failures a viewer sees their own as well.');

insert into tocsin.alert_channels (name, kind, recipients, project_id)
values ('secret inbox', 'email', '{a@b.test}', 'b');
insert into tocsin.alert_settings (setting_id, name, project_id)
values ('bbbbbbbb-0000-4000-8000-00000000000b', 'failed', 'b');
insert into tocsin.alert_setting_channels select setting_id, channel_id
  from tocsin.alert_settings, tocsin.alert_channels;
insert into tocsin.project_members (project_id, user_id, role)
values ('b', '00000000-0000-4000-8000-00000000000c', 'viewer');
create function pg_temp.channels(p_user text) returns jsonb language plpgsql as $$
declare
  v_channels jsonb;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  v_channels := tocsin.backtest_setting('bbbbbbbb-0000-4000-8000-00000000000b',
    '2026-03-01 11:00Z', '2026-03-01 13:00Z', p_now => '2026-03-01 13:00Z')
    #> '{notifications,0,channels}';
  reset role;
  return v_channels;
end
$$;
select is(pg_temp.channels('0b'), '["secret inbox"]', 'Who may edit channels reads their names,');
select is(pg_temp.channels('0c'), '[]', 'a viewer does not.');

select throws_ok($$select tocsin.backtest('{"kind": "failure_count",
  "evaluation_interval": "1 second"}')$$, 'TC041', null, 'An interval out of its bounds.');

select * from finish();
rollback;
