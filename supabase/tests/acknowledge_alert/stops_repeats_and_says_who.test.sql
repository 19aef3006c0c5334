begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(12);

insert into tocsin.project_members (project_id, user_id, role) values
  ('p', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('p', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.alert_channels (name, kind, recipients, project_id)
values ('mail', 'email', '{a@b.test}', 'p');
insert into tocsin.alert_settings (name, kind, project_id, parameters, repeat_interval) values
  ('count', 'failure_count', 'p', '{"threshold": 1, "window": "1 day"}', '10 minutes');
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
select tocsin_internal.count_outcomes(array_agg(row(1, 's', 'r', 'p', 'w', 'failed', 1, null, null,
  null, '2026-03-01 12:00:30Z', '2026-03-01 12:00:30Z')::tocsin_internal.run_outcomes),
  '2026-03-01 12:01Z') from generate_series(1, 3);
create function pg_temp.beats(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.tick(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.become(p_user text) returns void language sql as $$
  select set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true)$$;

select pg_temp.beats('2026-03-01 12:01Z', '2026-03-01 12:25Z');
select is((select array_agg(purpose order by decided_at) from tocsin.notifications),
  '{first, repeat, repeat}', 'It is told, and repeated while nobody acknowledges it.');

create temp table it as select alert_id from tocsin.alerts;
grant select on it to authenticated;
set local role authenticated;
select pg_temp.become('0b');
select throws_ok('select tocsin.acknowledge_alert((select alert_id from it))', 'TC043',
  format('There is no alert %s that you may see', (select alert_id from it)),
  'Somebody of another project does not even see it.');
select pg_temp.become('0a');
select throws_ok('select tocsin.acknowledge_alert((select alert_id from it))', 'TC043',
  'You may see this alert, but not acknowledge it', 'A viewer sees it.');
select throws_ok($$insert into tocsin.alert_transitions (alert_id, transition, at, made_by, made_at)
  select alert_id, 'acknowledged', now(), '00000000-0000-4000-8000-00000000000e', now() from it$$,
  '42501', null, 'Not in somebody else''s name either.');
select pg_temp.become('0e');
select throws_ok($$insert into tocsin.alert_transitions (alert_id, transition, at, made_by, made_at)
  select alert_id, 'resolved', now(), '00000000-0000-4000-8000-00000000000e', now() from it$$,
  '42501', null, 'An editor cannot resolve it by hand.');
select lives_ok($$select tocsin.acknowledge_alert((select alert_id from it), 'On it.',
  '2026-03-01 12:26Z')$$, 'An editor acknowledges it.');
select throws_ok('select tocsin.acknowledge_alert((select alert_id from it))', 'TC043', null,
  'Once.');
reset role;
select results_eq($$select state::text, acknowledged_at, acknowledged_by from tocsin.alerts$$,
  $$values ('acknowledged', '2026-03-01 12:26Z'::timestamptz,
    '00000000-0000-4000-8000-00000000000e'::uuid)$$, 'It says who and when.');
select is((select note from tocsin.alert_transitions where transition = 'acknowledged'), 'On it.',
  'And what they said.');

select pg_temp.beats('2026-03-01 12:26Z', '2026-03-01 13:00Z');
select is((select count(*)::int from tocsin.notifications), 3, 'It is not repeated any more.');
update tocsin_internal.evaluated_settings set evaluated_until = '2026-03-02 12:00Z';
select tocsin_internal.tick('2026-03-02 12:01:06Z');
select is((select state::text from tocsin.alerts), 'resolved', 'When it is back it is over.');
select tocsin_internal.tick('2026-03-02 12:02:06Z');
select is((select purpose from tocsin.notifications order by decided_at desc limit 1), 'resolved',
  'And that is told.');

select * from finish();
rollback;
