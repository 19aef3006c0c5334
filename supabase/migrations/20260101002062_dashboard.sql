-- The dashboard's own reads: each page's figures as one JSON value of one snapshot. A value and not
-- rows, since the Data API cuts rows at max_rows without a word. All run as the caller, under the
-- caller's RLS.
--
-- SECURITY DEFINER functions: none.

create function tocsin.dashboard_scope() returns json
language sql stable set search_path = ''
as $$
  with mine as materialized (
    select p as project_id from tocsin.my_project_ids() as p
    union
    select t.project_id from tocsin_internal.run_buckets t where t.bucket_minutes = 0
    union
    select g.project_id from tocsin.error_groups g
  ),
  listed as (
    select m.project_id, n.name, case
      when m.project_id in (select tocsin.my_project_ids('admin')) then 'admin'
      when m.project_id in (select tocsin.my_project_ids('editor')) then 'editor'
      when m.project_id in (select tocsin.my_project_ids()) then 'viewer' end as role
    from mine m
    left join tocsin.names n on n.project_id = m.project_id and n.workflow_id = ''
    order by n.name nulls last, m.project_id
    limit 1000
  )
  select json_build_object(
    'version', tocsin.version(),
    'is_operator', (select tocsin_internal.is_operator()),
    'projects', (
      select coalesce(json_agg(json_build_object('project_id', l.project_id, 'name', l.name,
        'role', l.role)), '[]')
      from listed l),
    'has_runs', exists (select from tocsin.workflow_run_metrics),
    'has_queues', to_regclass('tocsin.queue_health') is not null,
    'has_cron', to_regclass('tocsin.cron_health') is not null)
$$;

comment on function tocsin.dashboard_scope() is
  'What the caller may see: {version, is_operator, projects, has_runs, has_queues, has_cron}. Each '
  'project has its name, if the host says one, and the caller''s role in it (null: an operator '
  'sees it).';

revoke all on function tocsin.dashboard_scope() from public, anon;
grant execute on function tocsin.dashboard_scope() to authenticated;
