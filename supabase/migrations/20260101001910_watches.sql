-- Watches, as the calls that make them: `npx tocsin install --db-url …` writes them into a
-- migration of the host's, so that its branches and new databases watch the same tables.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.list_watches()
returns table (kind text, name text, statement text, undo text)
language sql stable set search_path = ''
as $$
  select 'runs', s.source_id,
    format('tocsin.watch_runs(%L, %L, %L)', s.run_table, s.preset,
      s.options || jsonb_build_object('source_id', s.source_id)),
    format('tocsin.unwatch_runs(%L)', s.run_table)
  from tocsin.run_sources s
  where exists (select from pg_catalog.pg_class where oid = s.run_table)
  union all
  select 'errors', s.source_id,
    format('tocsin.watch_errors(%L, %L, %L)', s.event_table, s.preset,
      s.options || jsonb_build_object('source_id', s.source_id)),
    format('tocsin.unwatch_errors(%L)', s.event_table)
  from tocsin.error_sources s
  where exists (select from pg_catalog.pg_class where oid = s.event_table)
  order by 1, 2
$$;

comment on function tocsin_internal.list_watches() is
  'What is watched, each with the call that watches it and the one that lets it go. The installer '
  'copies them into a migration.';

revoke all on all functions in schema tocsin_internal from public;
