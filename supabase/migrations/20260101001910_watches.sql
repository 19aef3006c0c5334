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
  union all
  -- queues are found by themselves: only what was said of one
  select 'queue', q.kind || ' ' || q.queue_name,
    format('tocsin.watch_queue(%L, %L, %L)', q.queue_name, q.kind, said.options),
    format('tocsin.watch_queue(%L, %L, %L)', q.queue_name, q.kind,
      (select jsonb_object_agg(key, null) from jsonb_object_keys(said.options) as key))
  from tocsin.queues q
  cross join lateral (
    select jsonb_strip_nulls(jsonb_build_object(
      'project_id', nullif(q.project_id, ''),
      'interval', nullif(q.sample_interval, '10 seconds'),
      'dead_letter_queue', q.dead_letter_queue,
      'dead_letter_payload', q.dead_letter_payload,
      'ignore', nullif(q.is_ignored, false),
      'slow_after', nullif(q.slow_after, '1 minute'),
      'stalled_after', nullif(q.stalled_after, '2 minutes'),
      'backing_up_over', nullif(q.backing_up_over, 100),
      'poison_reads', nullif(q.poison_reads, 5))) as options
  ) as said
  where said.options <> '{}' and q.queue_name not like 'tocsin\_%'
  order by 1, 2
$$;

comment on function tocsin_internal.list_watches() is
  'What is watched, each with the call that watches it and the one that lets it go. The installer '
  'copies them into a migration.';

revoke all on all functions in schema tocsin_internal from public;
