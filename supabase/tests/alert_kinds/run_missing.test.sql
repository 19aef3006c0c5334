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

insert into tocsin.alert_settings (name, kind, project_id, parameters, created_at) values
  ('missing', 'run_missing', 'p', '{"within": "10 minutes"}', '2026-03-01 12:00Z');

select pg_temp.ended('succeeded', 1, '2026-03-01 12:00:30Z');
select pg_temp.ended('succeeded', 1, '2026-03-01 12:05:30Z');
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:15Z');
select is_empty('select * from pg_temp.story()', 'While it comes in time it is silent.');
select pg_temp.ended('failed', 1, '2026-03-01 12:15:30Z');
select pg_temp.judge_minutes('2026-03-01 12:16Z', '2026-03-01 12:20Z');
select results_eq('select * from pg_temp.story()', $$values ('12:16 fired p/w 0.0')$$,
  'Ten minutes without success: it fires once, whatever failed.');
select results_eq('select title, context from tocsin.alerts', $$values (
  'No successful run of w within 10 minutes',
  '{"facts": [{"label": "Last one", "value": "about 2026-03-01 12:00 UTC"}]}'::jsonb)$$,
  'In words.');
select pg_temp.ended('succeeded', 1, '2026-03-01 12:20:30Z');
select pg_temp.judge_minutes('2026-03-01 12:21Z', '2026-03-01 12:22Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved'$$,
  $$values ('12:21 resolved p/w')$$, 'When it succeeds again it is over.');

delete from tocsin.alert_settings;
insert into tocsin.alert_settings (name, kind, project_id, workflow_id, parameters, created_at)
values ('never', 'run_missing', 'p', 'nightly', '{"within": "1 hour"}', '2026-03-01 13:00Z');
select pg_temp.judge_minutes('2026-03-01 13:58Z', '2026-03-01 14:02Z');
select results_eq($$select * from pg_temp.story() where story ~ 'nightly'$$,
  $$values ('14:00 fired p/nightly 0.0')$$, 'One that was named and never ran is missed as well.');
select pg_temp.ended('succeeded', 1, '2026-03-01 14:02:30Z', 'nightly');
select pg_temp.judge_minutes('2026-03-01 14:03Z', '2026-03-01 14:03Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved p/nightly'$$,
  $$values ('14:03 resolved p/nightly')$$, 'Until it runs.');

select * from finish();
rollback;
