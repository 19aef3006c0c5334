begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.ended(p_outcome text, p_count int, p_at timestamptz,
  p_workflow_id text default 'w') returns void language sql as $$
  select tocsin_internal.count_outcomes(array_agg(row(1, 's', 'r', 'p', p_workflow_id, p_outcome, 1,
    null, null, p_at - interval '1 second', p_at, p_at)::tocsin_internal.run_outcomes), p_at)
  from generate_series(1, p_count)$$;
create function pg_temp.judge_minutes(p_from timestamptz, p_to timestamptz) returns void
language sql as $$
  select tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.setting_name || ' ' || a.workflow_id || coalesce(': ' || t.note, '')
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.setting_name, a.workflow_id$$;

insert into tocsin.alert_settings (name, kind, project_id, parameters, for_duration)
select 's' || n, 'failure_count', 'p', '{"threshold": 2}', case n when 5 then interval '1 hour'
  else '0' end from generate_series(1, 5) as n;
select pg_temp.ended('failed', 3, '2026-03-01 12:00:30Z');
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:01Z');
select is((select count(*)::int from tocsin.alerts), 5, 'Four fire, one is pending.');
update tocsin.alert_settings set is_enabled = false where name in ('s1', 's5');
delete from tocsin.alert_settings where name = 's2';
update tocsin.alert_settings set workflow_id = 'other' where name = 's3';
select pg_temp.judge_minutes('2026-03-01 12:02Z', '2026-03-01 12:03Z');
select results_eq($$select substr(story, 7) from pg_temp.story() where story > '12:02'$$,
  $$values ('resolved s1 w: Its setting was turned off.'),
  ('resolved s2 w: Its setting was deleted.'),
  ('resolved s3 w: Its setting is about something else now.')$$, 'Each says why.');
select results_eq($$
  select l.setting_name, l.decision::text, l.reason from tocsin.alert_logs l
  join tocsin.alert_transitions t on t.transition_id = l.event_id
  where l.what = 'resolved' order by 1
$$, $$
  values ('s1', 'dropped',
      'Dropped: the alert ended without being judged. Its setting was turned off.'),
    ('s2', 'dropped', 'Dropped: the alert ended without being judged. Its setting was deleted.'),
    ('s3', 'dropped', 'Dropped: the alert ended without being judged. Its setting is about '
      'something else now.')
$$, 'Nobody is told, and a decision says so.');
select is((select array_agg(setting_name || ' ' || state order by setting_name)
  from tocsin.alerts where state <> 'resolved'), '{s4 firing}', 'The others go on.');
update tocsin.alert_settings set is_enabled = true where name = 's1';
select pg_temp.judge_minutes('2026-03-01 12:04Z', '2026-03-01 12:04Z');
select is((select count(*)::int from pg_temp.story() where story = '12:04 fired s1 w'), 1,
  'Turned on again it is judged anew.');

select * from finish();
rollback;
