begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

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
  ('errors', 'error_rate', 'p',
   '{"threshold": 2, "window": "5 minutes", "min_severity": "medium", "error_types": ["network"]}');
create function pg_temp.errors(p_count int, p_at timestamptz, p_type tocsin.error_type default
  'network', p_severity tocsin.severity default 'high') returns void language sql as $$
  insert into tocsin_internal.error_buckets
  select 'p', m, date_bin(make_interval(mins => m), p_at, '2000-01-01Z'), 'w', 'worker', p_type,
    p_severity, p_count from unnest('{1, 15}'::smallint[]) as m
  on conflict (project_id, minutes, bucket, workflow_id, source, error_type, severity)
    do update set event_count = error_buckets.event_count + excluded.event_count$$;

select pg_temp.errors(10, '2026-03-01 12:00:30Z');
select pg_temp.errors(100, '2026-03-01 12:00:30Z', 'input');
select pg_temp.errors(100, '2026-03-01 12:00:30Z', p_severity => 'low');
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:07Z');
select is_empty('select * from pg_temp.story()', 'At its limit it is silent, and of other errors.');
select pg_temp.errors(11, '2026-03-01 12:20:30Z', p_severity => 'medium');
select pg_temp.judge_minutes('2026-03-01 12:21Z', '2026-03-01 12:24Z');
select results_eq('select * from pg_temp.story()', $$values ('12:21 fired p/w 2.2')$$,
  'Over its limit it fires once.');
select results_eq('select title from tocsin.alerts',
  $$values ('w has 2.2 errors/min (limit 2) over 5 minutes')$$, 'In words.');
select pg_temp.judge_minutes('2026-03-01 12:25Z', '2026-03-01 12:40Z');
select results_eq('select * from pg_temp.story()', $$values ('12:21 fired p/w 2.2'),
  ('12:26 resolved p/w')$$, 'When there are none any more it is over.');
update tocsin.alert_settings set parameters = parameters || '{"per": "all"}', evaluation_interval
  = '5 minutes';
select pg_temp.errors(20, '2026-03-01 12:42:30Z');
select pg_temp.judge_minutes('2026-03-01 12:41Z', '2026-03-01 12:48Z');
select results_eq($$select * from pg_temp.story() where story > '12:41'$$,
  $$values ('12:45 fired / 4.0')$$, 'All together, judged every five minutes.');

select * from finish();
rollback;
