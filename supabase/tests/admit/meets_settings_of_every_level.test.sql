begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create function pg_temp.event(p_project text, p_workflow text) returns uuid language sql as $$
  insert into tocsin.error_metrics
    (error_id, timestamp, source, error_type, severity, project_id, workflow_id, ingested_at)
  values (gen_random_uuid(), now(), 'worker', 'execution', 'high', p_project, p_workflow, now())
  returning error_id
$$;
insert into tocsin.alert_settings (name, project_id, workflow_id) values
  ('everything', null, null), ('project a', 'a', null), ('project b', 'b', null),
  ('workflow a.x', 'a', 'x'), ('workflow a.y', 'a', 'y'), ('workflow b.x', 'b', 'x'),
  ('no project', '', null), ('no project x', '', 'x');
insert into tocsin.alert_settings (name, is_enabled) values ('switched off', false);
select tocsin_internal.admit_errors(array[pg_temp.event('a', 'x'), pg_temp.event('b', 'z'),
  pg_temp.event('', 'x'), pg_temp.event('c', 'x')], now());

select bag_eq($$
  select project_id || '.' || workflow_id || ' → ' || setting_name from tocsin.alert_logs
$$, array[
  'a.x → everything', 'a.x → project a', 'a.x → workflow a.x',
  'b.z → everything', 'b.z → project b',
  '.x → everything', '.x → no project', '.x → no project x',
  'c.x → everything'
], 'A failure meets the settings for everything, for its project and for its workflow, no others.');

select * from finish();
rollback;
