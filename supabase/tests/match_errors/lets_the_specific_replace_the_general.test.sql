begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create function pg_temp.who(p_project text, p_workflow text, p_severity tocsin.severity)
returns text language plpgsql as $$
declare
  v_id uuid;
begin
  insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
    workflow_id, ingested_at)
  values (gen_random_uuid(), '2026-03-04 10:00Z', 'worker', 'execution', p_severity, p_project,
    p_workflow, '2026-03-04 10:00Z')
  returning error_id into v_id;
  return (
    select string_agg(coalesce(s.name, 'nobody: ' || m.reason), ', ' order by s.name)
    from tocsin_internal.match_errors(array[v_id], '2026-03-04 10:00Z') m
    left join tocsin.alert_settings s on s.setting_id = (m.occurrence).setting_id);
end
$$;
insert into tocsin.alert_settings (name, kind, project_id, workflow_id, replaces_general,
  parameters)
values ('all', 'run_failed', null, null, false, '{}'), ('p', 'run_failed', 'p', null, false, '{}'),
  ('p/w', 'run_failed', 'p', 'w', true, '{"min_severity": "high"}'),
  ('q', 'run_failed', 'q', null, true, '{}'), ('q/w', 'run_failed', 'q', 'w', false, '{}'),
  ('every error', 'error_occurred', null, null, false, '{}');

select is(pg_temp.who('p', 'x', 'low'), 'all, every error, p', 'The specific adds to the general,');
select is(pg_temp.who('p', 'w', 'high'), 'every error, p/w',
  'unless it replaces it: all that is more general of its kind.');
select is(pg_temp.who('p', 'w', 'low'), 'every error',
  'It does so even where it does not want the failure itself.');
select is(pg_temp.who('q', 'w', 'low'), 'every error, q, q/w',
  'What replaces the general leaves the more specific alone.');
update tocsin.alert_settings set is_enabled = false where name in ('p/w', 'every error');
select is(pg_temp.who('p', 'w', 'low'), 'all, p', 'One that is off replaces nothing.');
update tocsin.alert_settings set is_enabled = false where true;
select is(pg_temp.who('p', 'w', 'low'),
  'nobody: No setting that is on wants failed runs of this workflow.', 'Nobody is told why.');

select * from finish();
rollback;
