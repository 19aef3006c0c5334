-- Live looks at the long windows of those alone whose short window burns. It finds what looking at
-- all of them finds.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

select setseed(0.7);
select tocsin_internal.count_outcomes(array_agg(row(1, 's' || w % 2, 'r', 'p' || w % 3, 'w' || w,
    case when random() < (case when w % 2 = 0 then 0.02 else 0.3 end) then 'failed'
      else 'succeeded' end, 1, null, null, at, at, at)::tocsin_internal.run_outcomes),
  '2026-03-01 12:00Z')
from generate_series(1, 260) as w
cross join lateral generate_series('2026-03-01 08:00:30Z'::timestamptz
  + make_interval(mins => w % 7), '2026-03-01 12:00Z', '7 minutes') as at;
insert into tocsin.alert_settings (name, kind, project_id, workflow_id, parameters) values
  ('all', 'slo_burn', null, null, '{"objective": 95}'),
  ('one project', 'slo_burn', 'p1', null, '{"objective": 95}'),
  ('one workflow', 'slo_burn', 'p1', 'w7', '{"objective": 95}'),
  ('together', 'slo_burn', 'p2', null, '{"objective": 95, "per": "project"}'),
  ('altogether', 'slo_burn', null, null, '{"objective": 90, "per": "all"}');
create function pg_temp.found(p_known tocsin_internal.evaluation[]) returns
  setof tocsin_internal.evaluation language sql as $$
  select * from tocsin_internal.evaluate_slo_burn(array(select s from tocsin.alert_settings s),
    '2026-03-01 12:00Z', '2026-03-01 12:00Z', '1 minute', '2026-03-01 12:00:06Z', p_known)$$;
create temp table everything of tocsin_internal.evaluation;
insert into everything select * from pg_temp.found(null);

select cmp_ok((select count(*) from everything e join tocsin.alert_settings s using (setting_id)
  where s.name = 'all' and e.is_breached), '>', 100::bigint, 'More than a hundred burn,');
select ok((select count(*) between 5 and 95 from everything e
  join tocsin.alert_settings s using (setting_id)
  where s.name = 'one project' and e.is_breached), 'fewer in one project.');
select ok((select count(distinct s.name) = 5 from everything e
  join tocsin.alert_settings s using (setting_id)), 'Each setting found something.');
select bag_eq($$select (e).* from pg_temp.found('{}') as e$$,
  'select * from everything where is_breached', 'Live finds the same breaches, to the word.');
create temp table known as select array_agg(e) as rows from (
  select e::text::tocsin_internal.evaluation as e from everything e where not is_breached
  order by setting_id, workflow_id limit 40) as k;
select bag_eq('select (e).* from known, pg_temp.found(known.rows) as e',
  $$select * from everything where is_breached
    union all select (e).* from known, unnest(known.rows) as e$$,
  'And of what is known, how it stands.');
select is((select count(*)::int from known, unnest(known.rows)), 40, 'Which was some.');

select * from finish();
rollback;
