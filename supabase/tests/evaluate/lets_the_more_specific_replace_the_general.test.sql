begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

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

insert into tocsin.alert_settings
  (name, kind, project_id, workflow_id, parameters, replaces_general) values
  ('all', 'failure_count', null, null, '{"threshold": 2}', false),
  ('project', 'failure_count', 'p', null, '{"threshold": 3}', false),
  ('own', 'failure_count', 'p', 'own', '{"threshold": 100}', true);
select pg_temp.ended('failed', 3, '2026-03-01 12:00:30Z');
select pg_temp.ended('failed', 3, '2026-03-01 12:00:30Z', 'own');
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:02Z');
select results_eq('select * from pg_temp.story()', $$values ('12:01 fired all w'),
  ('12:01 fired project w')$$, 'A setting adds to the more general, or replaces them.');

update tocsin.alert_settings set replaces_general = true where name = 'project';
select pg_temp.judge_minutes('2026-03-01 12:03Z', '2026-03-01 12:03Z');
select results_eq($$select * from pg_temp.story() where story > '12:02'$$,
  $$values ('12:03 resolved all w: A more specific setting speaks for it now.')$$,
  'What is replaced while it fires is over, and says why.');
select is((
  select count(*)::int from tocsin.alert_logs where what = 'resolved' and decision <> 'dropped'
), 0,
  'Nobody is told of that.');

select * from finish();
rollback;
