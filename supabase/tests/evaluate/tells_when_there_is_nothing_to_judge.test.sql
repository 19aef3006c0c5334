begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

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

insert into tocsin.alert_settings (name, kind, project_id, workflow_id, on_no_data) values
  ('named', 'failure_rate', 'p', 'never', 'alert'), ('each', 'failure_rate', 'p', null, 'alert'),
  ('keep', 'failure_rate', 'p', 'never', 'keep');
select pg_temp.ended('succeeded', 30, '2026-03-01 12:00:30Z');
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:15Z');
select results_eq('select * from pg_temp.story()', $$values ('12:01 fired named never')$$,
  'One that was named and has no runs at all.');
select pg_temp.judge_minutes('2026-03-01 12:16Z', '2026-03-01 12:17Z');
select results_eq($$select * from pg_temp.story() where story > '12:02'$$,
  $$values ('12:16 fired each w')$$, 'One that had runs, when they left the window.');
select is((select title from tocsin.alerts where setting_name = 'each'),
  'Nothing to judge: w has no figures', 'In words.');

select is(tocsin_internal.say_transition(k, s, 'resolved', '', 'p', 'w', null),
  'Nothing to judge any more: w has no figures', 'So is its end, when nothing runs any more.')
from tocsin.alert_settings s join tocsin.alert_kinds k using (kind) where s.name = 'each';

select * from finish();
rollback;
