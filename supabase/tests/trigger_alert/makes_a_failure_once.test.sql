begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

insert into tocsin.alert_settings (name, kind, project_id) values
  ('failed', 'run_failed', 'a'), ('occurred', 'error_occurred', 'a');
create temp table answers as
  select place, tocsin.trigger_alert(failure, key, 'live', '2026-01-05T10:00:00Z')
    ->> 'event_id' as id
  from (values
    (1, '{"project_id": "a", "message": "Down"}'::jsonb, 'k'),
    (2, '{"project_id": "a", "message": "Down, again"}', 'k'),
    (3, '{"project_id": "b", "message": "Down"}', 'k'),
    (4, '{"project_id": "a", "message": "Down"}', null),
    (5, '{"project_id": "a", "message": "Down"}', null)
  ) as t (place, failure, key);

select is((select count(distinct id)::int from answers where place in (1, 2)), 1,
  'The same key in the same project is the same event;');
select is((select count(distinct id)::int from answers), 4,
  'in another project, and without a key, each is its own.');
select is((select count(*)::int from tocsin_internal.reported_errors), 4, 'It is taken once,');
select is((select message from tocsin_internal.reported_errors
  where error_id = (select id::uuid from answers where place = 2)), 'Down', 'as it came first.');
select tocsin_internal.ingest_reports('2026-01-05T10:00:05Z');
select results_eq($$
  select setting_name from tocsin.alert_logs
  where event_id = (select id::uuid from answers where place = 1) order by 1
$$, $$values ('failed'), ('occurred')$$,
  'It is decided for settings that want failed runs, and for those that want any error.');
select results_eq($$
  select origin::text, environment, severity::text from tocsin.error_metrics
  where error_id = (select id::uuid from answers where place = 1)
$$, $$values ('run', 'live', 'high')$$, 'It is a failure like that of a run.');
select throws_ok($$select tocsin.trigger_alert('{"project_id": "a"}')$$, 'TC035', null,
  'One that says nothing is refused.');

select * from finish();
rollback;
