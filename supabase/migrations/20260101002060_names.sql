-- Names: what people call projects and workflows. Runs name both by their ids; the host's own
-- tables know what these are called, and not everybody who may see a project's figures may read
-- those. So the heart looks each name up once, and again each hour, as it does for failures.
--
-- SECURITY DEFINER functions: none. Written by the heart, as the owner.

create table tocsin.names (
  project_id text not null,
  workflow_id text not null default '',
  name text,
  looked_up_at timestamptz not null,
  primary key (project_id, workflow_id)
);

comment on table tocsin.names is
  'What people call projects and workflows, as the host''s own tables say. Written by the heart; '
  'looked up again each hour.';
comment on column tocsin.names.project_id is 'The project; empty: none.';
comment on column tocsin.names.workflow_id is
  'The workflow; empty: the name is the project''s own.';
comment on column tocsin.names.name is 'What it is called; null: the host does not say.';
comment on column tocsin.names.looked_up_at is 'When the host was asked.';

create function tocsin_internal.ask_for_names(p_mapping jsonb, p_ids text[])
returns table (id text, name text)
language plpgsql stable set search_path = ''
as $$
declare
  v_table constant regclass := to_regclass(p_mapping ->> 'table');
  v_id constant text := p_mapping ->> 'id';
  v_type constant text := tocsin_internal.column_type(v_table, v_id);
begin
  -- what the host dropped or renamed meanwhile says nothing
  if v_type is null or tocsin_internal.column_type(v_table, p_mapping ->> 'name') is null then
    return;
  end if;
  -- the parameter is cast, not the column: its index is used
  return query execute format('select h.%1$I::text, left(h.%2$I::text, 200) from %3$s h '
    'where h.%1$I = any ($1::%4$s[])', v_id, p_mapping ->> 'name', v_table, v_type) using p_ids;
exception when data_exception or undefined_function then
  return;
end
$$;

comment on function tocsin_internal.ask_for_names(jsonb, text[]) is
  'What a table of the host calls these ids: {table, id, name} of a mapping. Says nothing when the '
  'table cannot say.';

create function tocsin_internal.look_up_names(
  p_now timestamptz default clock_timestamp(), p_limit int default 500
) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_source record;
  v_count bigint := 0;
  v_told bigint;
begin
  for v_source in
    select s.source_id, m.of, s.mapping -> (m.of || '_names') as mapping
    from tocsin.run_sources s cross join unnest(array['project', 'workflow']) as m (of)
    where s.mapping ? (m.of || '_names')
    order by 1, 2
  loop
    with wanted as materialized (
      select k.project_id, k.workflow_id
      from (
        select distinct t.project_id,
          case v_source.of when 'workflow' then t.workflow_id else '' end as workflow_id
        from tocsin_internal.run_totals t where t.source_id = v_source.source_id
      ) as k
      left join tocsin.names n on n.project_id = k.project_id and n.workflow_id = k.workflow_id
      where coalesce(n.looked_up_at < p_now - interval '1 hour', true)
        and case v_source.of when 'workflow' then k.workflow_id else k.project_id end <> ''
      limit p_limit
    ),
    told as (
      select * from tocsin_internal.ask_for_names(v_source.mapping, array(
        select case v_source.of when 'workflow' then w.workflow_id else w.project_id end
        from wanted w))
    )
    insert into tocsin.names as n (project_id, workflow_id, name, looked_up_at)
    select w.project_id, w.workflow_id, max(t.name), p_now
    from wanted w
    left join told t
      on t.id = case v_source.of when 'workflow' then w.workflow_id else w.project_id end
    group by w.project_id, w.workflow_id
    on conflict (project_id, workflow_id) do update
      set name = coalesce(excluded.name, n.name), looked_up_at = excluded.looked_up_at;
    get diagnostics v_told = row_count;
    v_count := v_count + v_told;
  end loop;
  return v_count;
end
$$;

comment on function tocsin_internal.look_up_names(timestamptz, int) is
  'Asks the host what the projects and workflows that run are called, where a source says where '
  'that stands (project_names, workflow_names). A stage of the heart.';

alter table tocsin.names enable row level security;
create policy members_see_their_projects_names on tocsin.names
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );

revoke all on tocsin.names from public, anon, authenticated, service_role;
grant select on tocsin.names to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
