begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create function pg_temp.silenced(p_silence jsonb, p_occurrence jsonb default '{}',
  p_setting jsonb default '{}', p_at timestamptz default '2026-03-04 10:30Z') returns boolean
language sql as $$
  select tocsin_internal.matches_silence(
    jsonb_populate_record(null::tocsin.silences, '{"project_pattern": "*", "workflow_pattern": "*",
      "node_pattern": "*", "max_severity": "high", "starts_at": "2026-03-04 10:00Z",
      "ends_at": "2026-03-04 11:00Z"}'::jsonb || p_silence),
    jsonb_populate_record(null::tocsin.alert_settings,
      '{"setting_id": "5e771460-0000-4000-8000-000000000001", "kind": "run_failed",
        "project_id": "p"}'::jsonb || p_setting),
    jsonb_populate_record(null::tocsin_internal.occurrence, '{"what": "failure", "project_id": "p",
      "workflow_id": "import-eu", "severity": "medium",
      "event_id": "e0000000-0000-4000-8000-000000000001", "at": "2026-03-04 10:30Z"}'::jsonb
      || p_occurrence), p_at)
$$;
insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
  workflow_id, node, ingested_at)
values ('e0000000-0000-4000-8000-000000000001', '2026-03-04 10:30Z', 'worker', 'execution',
  'medium', 'p', 'import-eu', 'http_get', '2026-03-04 10:30Z');

select results_eq($$
  values (pg_temp.silenced('{}')),
    (pg_temp.silenced('{}', p_at => '2026-03-04 09:59:59Z')),
    (pg_temp.silenced('{}', p_at => '2026-03-04 10:00Z')),
    (pg_temp.silenced('{}', p_at => '2026-03-04 11:00Z'))
$$, $$values (true), (false), (true), (false)$$, 'From its beginning until its end.');
select results_eq($$
  values (pg_temp.silenced('{"workflow_pattern": "import-*"}')),
    (pg_temp.silenced('{"workflow_pattern": "import"}')),
    (pg_temp.silenced('{"workflow_pattern": "import%"}')),
    (pg_temp.silenced('{"project_pattern": "q*"}'))
$$, $$values (true), (false), (false), (false)$$, 'Workflows and projects by patterns with *.');
select results_eq($$
  values (pg_temp.silenced('{"max_severity": "medium"}')),
    (pg_temp.silenced('{"max_severity": "low"}'))
$$, $$values (true), (false)$$, 'What is worse than it says is told.');
select results_eq($$
  values (pg_temp.silenced('{"kind": "run_failed"}')), (pg_temp.silenced('{"kind": "error_new"}')),
    (pg_temp.silenced('{"setting_id": "5e771460-0000-4000-8000-000000000001"}')),
    (pg_temp.silenced('{"setting_id": "5e771460-0000-4000-8000-000000000002"}'))
$$, $$values (true), (false), (true), (false)$$, 'By kind and by setting.');
select results_eq($$
  values (pg_temp.silenced('{"node_pattern": "http_*"}')),
    (pg_temp.silenced('{"node_pattern": "parse"}')),
    (pg_temp.silenced('{"node_pattern": "http_*"}', '{"what": "fired"}'))
$$, $$values (true), (false), (false)$$, 'By the step that failed; an alert has none.');
select results_eq($$
  values (pg_temp.silenced('{"project_id": "p"}')), (pg_temp.silenced('{"project_id": "q"}')),
    (pg_temp.silenced('{"project_id": "p"}', p_setting => '{"project_id": null}')),
    (pg_temp.silenced('{"project_id": ""}', p_setting => '{"project_id": null}')),
    (pg_temp.silenced('{}', p_setting => '{"project_id": null}'))
$$, $$values (true), (false), (false), (false), (true)$$,
  'A project''s silence is for its own settings, and silences no operator.');

select * from finish();
rollback;
