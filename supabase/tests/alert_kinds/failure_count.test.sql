begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create function pg_temp.ended(p_outcome text, p_count int, p_at timestamptz,
  p_workflow_id text default 'w', p_ms int default 1000) returns void language sql as $$
  select tocsin_internal.count_outcomes(array_agg(row(1, 's', 'r', 'p', p_workflow_id, p_outcome, 1,
    null, null, p_at - make_interval(secs => p_ms / 1000.0), p_at, p_at)
    ::tocsin_internal.run_outcomes), p_at) from generate_series(1, p_count)$$;
create function pg_temp.judge_minutes(p_from timestamptz, p_to timestamptz) returns void
language sql as $$
  select tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.project_id || '/' || a.workflow_id || coalesce(' ' || round(t.value::numeric, 1), '')
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.workflow_id$$;

insert into tocsin.alert_settings (name, kind, project_id, parameters) values
  ('count', 'failure_count', 'p', '{"threshold": 5, "window": "5 minutes"}');

select pg_temp.ended('failed', 4, '2026-03-01 12:00:30Z');
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:07Z');
select is_empty('select * from pg_temp.story()', 'One fewer than its limit: silent.');
select pg_temp.ended('failed', 3, '2026-03-01 12:20:30Z');
select pg_temp.ended('timed_out', 2, '2026-03-01 12:21:30Z');
select pg_temp.judge_minutes('2026-03-01 12:21Z', '2026-03-01 12:24Z');
select results_eq('select * from pg_temp.story()', $$values ('12:22 fired p/w 5.0')$$,
  'As many as its limit: it fires once.');
select results_eq('select title from tocsin.alerts',
  $$values ('5 failures of w within 5 minutes (limit 5)')$$, 'In words.');
select pg_temp.judge_minutes('2026-03-01 12:25Z', '2026-03-01 12:40Z');
select results_eq('select * from pg_temp.story()', $$values ('12:22 fired p/w 5.0'),
  ('12:26 resolved p/w 2.0')$$, 'When the first leave the window it is over.');

select * from finish();
rollback;
