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

insert into tocsin.alert_settings (name, kind, project_id, parameters) values
  ('count', 'failure_count', 'p', '{"threshold": 5, "window": "5 minutes"}');
select pg_temp.judge_minutes('2026-03-01 12:00Z', '2026-03-01 12:05Z');

-- the heart stands still from 12:06 to 13:10; in between it breaks twice and mends once
select pg_temp.ended('failed', 5, '2026-03-01 12:10:30Z');
select pg_temp.ended('failed', 6, '2026-03-01 13:05:30Z');
select pg_temp.judge_minutes('2026-03-01 13:10Z', '2026-03-01 13:10Z');
select results_eq('select * from pg_temp.story()', $$values ('12:11 fired count w'),
  ('12:16 resolved count w'), ('13:06 fired count w')$$,
  'Each instant that was missed is judged, in order.');
select is((select count(*)::int from tocsin.alert_transitions where transition <> 'pending'
  and made_at = '2026-03-01 13:10:06Z'), 3, 'It says when it was found out.');
select pg_temp.judge_minutes('2026-03-01 13:10Z', '2026-03-01 13:10Z');
select is((select count(*)::int from pg_temp.story()), 3, 'None is told again.');

select pg_temp.judge_minutes('2026-03-05 12:00Z', '2026-03-05 12:00Z');
select is((select count(distinct evaluated_until)::int from tocsin_internal.evaluated_settings
  where evaluated_until > '2026-03-04 12:00Z'), 1,
  'After days it goes on a day ago, and comes to now in a few turns.');

select * from finish();
rollback;
