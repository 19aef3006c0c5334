begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

insert into tocsin.alert_channels (name, kind, recipients, project_id) values
  ('team', 'email', '{a@b.test}', 'p'), ('pager', 'email', '{a@b.test}', 'p'),
  ('ops', 'email', '{a@b.test}', null), ('off', 'email', '{a@b.test}', 'p');
update tocsin.alert_channels set is_enabled = false where name = 'off';
insert into tocsin.alert_settings (name, project_id, throttle_window) values ('team''s', 'p', '0'),
  ('nobody''s', 'p', '0');
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, channel_id from tocsin.alert_settings s, tocsin.alert_channels c
where s.name = 'team''s' and c.name = 'team';
insert into tocsin.alert_routes (name, project_id, channel_id, min_severity, workflow_pattern)
select r.name, c.project_id, c.channel_id, r.severity::tocsin.severity, r.pattern
from (values ('severe', 'pager', 'high', '*'), ('imports', 'ops', 'low', 'import-*'),
  ('again', 'team', 'low', '*'), ('off', 'off', 'low', '*')) as r (name, channel, severity, pattern)
join tocsin.alert_channels c on c.name = r.channel;
create function pg_temp.fail(p_now timestamptz, p_workflow text default 'w',
  p_severity tocsin.severity default 'high', p_count int default 1) returns void
language plpgsql as $$
declare
  v_ids uuid[];
begin
  with new as (
    insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
      workflow_id, run_id, message, ingested_at)
    select gen_random_uuid(), p_now, 'worker', 'execution', p_severity, 'p', p_workflow, n::text,
      'boom', p_now
    from generate_series(1, p_count) as n
    returning error_id
  )
  select array_agg(error_id) into v_ids from new;
  perform tocsin_internal.admit_errors(v_ids, p_now);
end
$$;
create function pg_temp.told(p_setting text, p_now timestamptz) returns text language sql as $$
  select coalesce(string_agg(d.channel_name, ', ' order by d.channel_name), '')
  from tocsin.alert_logs l join tocsin.deliveries d using (notification_id)
  where l.setting_name = p_setting and l.decided_at = p_now
$$;
select pg_temp.fail('2026-03-04 10:00Z', 'w', 'low'), pg_temp.fail('2026-03-04 10:01Z', 'w',
  'high'),
  pg_temp.fail('2026-03-04 10:02Z', 'import-eu', 'low');
select is(pg_temp.told('team''s', '2026-03-04 10:00Z'), 'team',
  'What matches no other route goes to the setting''s own channels, once.');
select is(pg_temp.told('team''s', '2026-03-04 10:01Z'), 'pager, team',
  'What is severe goes further;');
select is(pg_temp.told('team''s', '2026-03-04 10:02Z'), 'ops, team',
  'what the operators route, to them as well.');
select is(pg_temp.told('nobody''s', '2026-03-04 10:01Z'), 'pager, team',
  'A setting without a channel is told where routes lead.');
delete from tocsin.alert_routes where name = 'again';
select pg_temp.fail('2026-03-04 10:03Z', 'w', 'low');
select is((
  select decision::text from tocsin.alert_logs
  where setting_name = 'nobody''s' and decided_at = '2026-03-04 10:03Z'
), 'no_channel', 'When none does, that is said.');
-- by labels of the workflow and of the setting
insert into tocsin.workflow_settings (project_id, workflow_id, labels) values
  ('p', 'bills', '{"team": "billing", "tier": "1"}'), ('q', 'w', '{"team": "billing"}');
update tocsin.alert_routes set is_enabled = false where true;
insert into tocsin.alert_routes (name, project_id, channel_id, labels)
select 'billing', project_id, channel_id, '{"team": "billing"}' from tocsin.alert_channels
where name = 'pager';
select pg_temp.fail('2026-03-04 11:00Z', 'bills', 'low'), pg_temp.fail('2026-03-04 11:01Z', 'w',
  'low');
select is(pg_temp.told('team''s', '2026-03-04 11:00Z'), 'pager, team',
  'A route finds a workflow by its label;');
select is(pg_temp.told('team''s', '2026-03-04 11:01Z'), 'team',
  'not another, nor one of that name in another project.');
update tocsin.alert_settings set labels = '{"team": "billing"}' where name = 'nobody''s';
update tocsin.alert_settings set labels = '{"team": "shop"}' where name = 'team''s';
select pg_temp.fail('2026-03-04 11:02Z', 'bills', 'low'), pg_temp.fail('2026-03-04 11:03Z', 'w',
  'low');
select is(pg_temp.told('team''s', '2026-03-04 11:02Z') || '; '
  || pg_temp.told('nobody''s', '2026-03-04 11:03Z'), 'team; pager',
  'A setting has labels as well, and they go before the workflow''s.');
update tocsin.alert_routes set labels = '{"team": "billing", "tier": "2"}' where name = 'billing';
select pg_temp.fail('2026-03-04 11:04Z', 'bills', 'low');
select is(pg_temp.told('nobody''s', '2026-03-04 11:04Z'), '',
  'All labels of a route have to match.');
select throws_ok($$update tocsin.workflow_settings set labels = '{"tier": 1}'$$, '23514', null,
  'A label is a text.');

select throws_ok($$
  insert into tocsin.alert_routes (name, project_id, channel_id)
  select 'x', 'q', channel_id from tocsin.alert_channels where name = 'team'
$$, 'TC012', null, 'A route adds channels of its own project only.');

select * from finish();
rollback;
