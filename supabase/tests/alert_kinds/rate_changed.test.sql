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
  ('change', 'rate_changed', 'p', '{"window": "10 minutes"}');

select pg_temp.ended('succeeded', 95, '2026-03-01 12:00:30Z');
select pg_temp.ended('failed', 5, '2026-03-01 12:00:30Z');
select pg_temp.ended('succeeded', 90, '2026-03-01 12:10:30Z');
select pg_temp.ended('failed', 10, '2026-03-01 12:10:30Z');
select pg_temp.judge_minutes('2026-03-01 12:01Z', '2026-03-01 12:11Z');
select is_empty('select * from pg_temp.story()',
  '5 of 100 and then 10 of 100 may be chance: silent.');
select pg_temp.ended('succeeded', 80, '2026-03-01 12:20:30Z');
select pg_temp.ended('failed', 40, '2026-03-01 12:20:30Z');
select pg_temp.judge_minutes('2026-03-01 12:21Z', '2026-03-01 12:24Z');
select results_eq('select * from pg_temp.story()', $$values ('12:21 fired p/w 23.3')$$,
  '10 of 100 and then 40 of 120 is none: it fires once.');
select results_eq('select title, context from tocsin.alerts', $$values (
  'Failure rate of w changed by 23.3 points within 10 minutes',
  '{"facts": [{"label": "Now", "value": "40 of 120 runs failed"},
    {"label": "Before", "value": "10 of 100 runs failed"}]}'::jsonb)$$, 'In words.');
select pg_temp.ended('succeeded', 60, '2026-03-01 12:30:30Z');
select pg_temp.ended('failed', 30, '2026-03-01 12:30:30Z');
select pg_temp.judge_minutes('2026-03-01 12:25Z', '2026-03-01 12:31Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved'$$,
  $$values ('12:31 resolved p/w 0.0')$$, 'When it is as it was before, it is over.');
select is(array(select tocsin_internal.sure_change(h, n, h0, n0, 1.959964)::numeric(6, 4)
  from (values (56, 70, 48, 80), (9, 10, 3, 10), (6, 7, 2, 7), (5, 56, 0, 29), (10, 10, 0, 10))
    as s (h, n, h0, n0)), '{0.0524, 0.1705, 0.0582, 0.0000, 0.6075}',
  'The bounds are those of Newcombe''s paper of 1998 (method 10).');

select * from finish();
rollback;
