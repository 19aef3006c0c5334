begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

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
  ('rate', 'failure_rate', 'p', '{"threshold": 10, "window": "5 minutes"}');

select pg_temp.ended('succeeded', 36, '2026-03-01 12:00:30Z');
select pg_temp.ended('failed', 4, '2026-03-01 12:00:30Z');
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:07Z');
select is_empty('select * from pg_temp.story()', 'At its limit it is silent.');

select pg_temp.ended('failed', 19, '2026-03-01 12:10:30Z', 'few');
select pg_temp.judge_minutes('2026-03-01 12:11Z', '2026-03-01 12:16Z');
select is_empty('select * from pg_temp.story()', 'With too small a sample as well.');

select pg_temp.ended('succeeded', 35, '2026-03-01 12:20:30Z');
select pg_temp.ended('timed_out', 5, '2026-03-01 12:20:30Z');
select pg_temp.judge_minutes('2026-03-01 12:21Z', '2026-03-01 12:24Z');
select results_eq('select * from pg_temp.story()', $$values ('12:21 fired p/w 12.5')$$,
  'Over its limit it fires once, with the value.');
select results_eq('select title, threshold, unit, sample::int, context from tocsin.alerts',
  $$values ('Failure rate of w is 12.5 % (limit 10 %) over 5 minutes', 10::double precision, '%',
    40, '{"facts": [{"label": "Failed", "value": "5"}, {"label": "Succeeded", "value": "35"}]}'
    ::jsonb)$$, 'In words.');

select pg_temp.ended('succeeded', 30, '2026-03-01 12:24:10Z');
select pg_temp.judge_minutes('2026-03-01 12:25Z', '2026-03-01 12:40Z');
select results_eq('select * from pg_temp.story()', $$values ('12:21 fired p/w 12.5'),
  ('12:25 resolved p/w 7.1')$$, 'Back under it, it is over, once.');

update tocsin.alert_settings set parameters = parameters || '{"resolve_threshold": 5}';
select pg_temp.ended('succeeded', 80, '2026-03-01 13:00:30Z');
select pg_temp.ended('failed', 20, '2026-03-01 13:00:30Z');
select pg_temp.judge_minutes('2026-03-01 13:01Z', '2026-03-01 13:01Z');
select pg_temp.ended('succeeded', 200, '2026-03-01 13:01:30Z');
select pg_temp.judge_minutes('2026-03-01 13:02Z', '2026-03-01 13:02Z');
select pg_temp.ended('succeeded', 200, '2026-03-01 13:02:30Z');
select pg_temp.judge_minutes('2026-03-01 13:03Z', '2026-03-01 13:03Z');
select results_eq($$select * from pg_temp.story() as s where s > '13'$$,
  $$values ('13:01 fired p/w 20.0'), ('13:03 resolved p/w 4.0')$$,
  'With a threshold to resolve at it goes on until that is reached.');

select * from finish();
rollback;
