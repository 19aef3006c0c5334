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
  ('slow', 'run_slow', 'p', '{"threshold": 5000, "window": "5 minutes", "percentile": 90}');

select pg_temp.ended('succeeded', 90, '2026-03-01 12:00:30Z', p_ms => 1000);
select pg_temp.ended('succeeded', 10, '2026-03-01 12:00:30Z', p_ms => 60000);
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:07Z');
select is_empty('select * from pg_temp.story()', 'One in ten is slow, 90 of 100 are not: silent.');
select pg_temp.ended('succeeded', 89, '2026-03-01 12:20:30Z', p_ms => 1000);
select pg_temp.ended('succeeded', 11, '2026-03-01 12:20:30Z', p_ms => 60000);
select pg_temp.judge_minutes('2026-03-01 12:21Z', '2026-03-01 12:24Z');
select is((select count(*)::int from pg_temp.story()), 1, 'Eleven are: it fires once.');
select ok((select value between 57000 and 63000
  and title ~ '^Runs of w take 5[789].* s at the 90th '
    'percentile|^Runs of w take 1\.0 min at the 90th percentile' from tocsin.alerts),
  'The percentile is 5 % off at most, and told in words.');
select pg_temp.ended('succeeded', 200, '2026-03-01 12:24:10Z', p_ms => 1000);
select pg_temp.judge_minutes('2026-03-01 12:25Z', '2026-03-01 12:40Z');
select is((select count(*)::int from pg_temp.story() where story ~ '^12:25 resolved'), 1,
  'When most are quick again it is over.');

select * from finish();
rollback;
