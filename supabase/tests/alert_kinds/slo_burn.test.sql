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
  ('slo', 'slo_burn', 'p', '{"objective": 99}');

-- 13 % in the hour: 13 times too fast, of 14.4
select pg_temp.ended('succeeded', 870, '2026-03-01 12:30:30Z');
select pg_temp.ended('failed', 130, '2026-03-01 12:30:30Z');
update tocsin.alert_settings set parameters = parameters || '{"burn_rates":
  [{"rate": 14.4, "short": "5 minutes", "long": "1 hour"}]}';
select pg_temp.judge_minutes('2026-03-01 12:31Z', '2026-03-01 12:37Z');
select is_empty('select * from pg_temp.story()', 'A little too slow a burn: silent.');
select pg_temp.ended('failed', 30, '2026-03-01 12:40:30Z');
select pg_temp.judge_minutes('2026-03-01 12:38Z', '2026-03-01 12:42Z');
select results_eq('select * from pg_temp.story()', $$values ('12:41 fired p/w 15.5')$$,
  'Both windows burn: it fires once.');
select results_eq('select title, threshold from tocsin.alerts', $$values (
  'w burns its error budget 15.5 times too fast (objective 99 %)', 14.4::double precision)$$,
  'In words, with the rate that it passed.');
select pg_temp.judge_minutes('2026-03-01 12:43Z', '2026-03-01 12:50Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved'$$,
  $$values ('12:46 resolved p/w 15.5')$$,
  'When the short window has none any more it is over, though the long one still has them.');
select is((select parameters -> 'burn_rates' -> 2 from (select tocsin_internal.complete_parameters(
  'slo_burn', '{}') as parameters) as d),
  '{"rate": 1, "short": "6 hours", "long": "3 days"}'::jsonb,
  'The default is the whole table of the workbook.');

select * from finish();
rollback;
