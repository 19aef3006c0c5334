begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

create function pg_temp.stored(p_origin tocsin.error_origin, p_type tocsin.error_type,
  p_severity tocsin.severity, p_node text, p_workflow text default 'w',
  p_is_new boolean default false, p_is_regression boolean default false,
  p_source tocsin.error_source default 'worker') returns uuid
language sql as $$
  insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
    workflow_id, node, origin, is_new, is_regression, ingested_at)
  values (gen_random_uuid(), '2026-03-04 10:00Z', p_source, p_type, p_severity, 'p', p_workflow,
    p_node, p_origin, p_is_new, p_is_regression, '2026-03-04 10:00Z')
  returning error_id
$$;
create function pg_temp.who(p_id uuid) returns text language sql as $$
  select string_agg(coalesce(s.name, 'nobody'), ', ' order by s.name)
  from tocsin_internal.match_errors(array[p_id], '2026-03-04 10:00Z') m
  left join tocsin.alert_settings s on s.setting_id = (m.occurrence).setting_id
$$;
insert into tocsin.workflow_settings (project_id, workflow_id, criticality) values
  ('p', 'pay', 'critical'), ('p', 'toy', 'low');
insert into tocsin.alert_settings (name, kind, parameters) values
  ('runs', 'run_failed', '{}'),
  ('timeouts', 'run_failed', '{"error_types": ["timeout"]}'),
  ('at http', 'run_failed', '{"nodes": ["http_*", "50%"]}'),
  ('critical', 'run_failed', '{"criticality": ["critical"]}'),
  ('severe', 'run_failed', '{"min_severity": "high"}'),
  ('errors', 'error_occurred', '{}'),
  ('webhooks', 'error_occurred', '{"sources": ["webhook"]}'),
  ('new', 'error_new', '{"min_severity": "medium"}'),
  ('back', 'error_regressed', '{}');

select is(pg_temp.who(pg_temp.stored('run', 'execution', 'medium', 'parse')), 'errors, runs',
  'A failed run is wanted by those of failed runs and of every error.');
select is(pg_temp.who(pg_temp.stored('run', 'timeout', 'low', 'http_get')),
  'at http, errors, runs, timeouts', 'By its type, and by the pattern of its step;');
select is(pg_temp.who(pg_temp.stored('run', 'execution', 'low', '500')), 'errors, runs',
  'a sign that LIKE knows stands for itself.');
select is(pg_temp.who(pg_temp.stored('run', 'execution', 'low', null, 'pay')),
  'critical, errors, runs, severe', 'On a critical workflow even a small failure is severe.');
select is(pg_temp.who(pg_temp.stored('run', 'execution', 'high', null, 'toy')), 'errors, runs',
  'On one that matters little, a severe one is not.');
select is(pg_temp.who(pg_temp.stored('report', 'network', 'medium', null, 'w', false, false,
  'webhook')), 'errors, webhooks', 'A reported error is no failed run.');
select is(pg_temp.who(pg_temp.stored('report', 'network', 'medium', null, 'w', true)),
  'errors, new', 'The first of a group is new,');
select is(pg_temp.who(pg_temp.stored('report', 'network', 'low', null, 'w', true)), 'errors',
  'if it is bad enough.');
select is(pg_temp.who(pg_temp.stored('report', 'network', 'low', null, 'w', false, true)),
  'back, errors', 'One that was resolved is back.');

select * from finish();
rollback;
