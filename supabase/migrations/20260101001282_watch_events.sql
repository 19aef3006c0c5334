-- Watching errors: the statements that put an events table under watch and let it go, and the
-- look-up of what the events say.
--
-- Errors: TC009, TC039, and TC001, TC002, TC008 of watch_runs() (docs/reference/errors.md).
-- SECURITY DEFINER functions: none. watch_errors() needs the table's owner.

create function tocsin_internal.map_events(p_table regclass, p_preset text, p_options jsonb)
returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_options jsonb := coalesce(p_options, '{}');
  v_preset jsonb := '{}';
  v_mapping jsonb;
  v_field record;
  v_column text;
  v_bad text;
begin
  if jsonb_typeof(v_options) <> 'object' then
    raise exception 'The options of watch_errors() are not an object but %', p_options
      using errcode = 'TC039', hint = 'For example: ''{"filter": {"level": "error"}}''';
  end if;
  select key into v_bad from jsonb_object_keys(v_options) as key
  where key not in ('source_id', 'filter', 'source', 'runs', 'workflow_names')
    and key not in (select field from tocsin_internal.error_fields()) limit 1;
  if v_bad is not null then
    raise exception 'watch_errors() knows no option "%"', v_bad
      using errcode = 'TC039', hint = 'Its options are source_id, filter, source, runs, '
        'workflow_names, and these fields: ' || (
          select string_agg(field, ', ') from tocsin_internal.error_fields());
  end if;
  if p_preset is not null then
    select options into v_preset from tocsin_internal.error_presets() where preset = p_preset;
    if not found then
      raise exception 'watch_errors() knows no preset "%"', p_preset
        using errcode = 'TC039', hint = 'Its presets are: ' || (
          select string_agg(preset, ', ') from tocsin_internal.error_presets());
    end if;
    v_preset := v_preset - array(
      select key from unnest(array['runs', 'workflow_names']) as key
      where to_regclass(v_preset #>> array[key, 'table']) is null);
  end if;
  v_mapping := jsonb_strip_nulls(v_preset || v_options);

  for v_field in select * from tocsin_internal.error_fields() loop
    continue when v_options ? v_field.field or v_mapping ? v_field.field;
    select name into v_column from unnest(v_field.names) with ordinality as n (name, place)
    where tocsin_internal.column_type(p_table, name) ~ case v_field.field
      when 'at' then '^(timestamp|date|bigint|integer|numeric|double|text|character)' else '' end
    order by place limit 1;
    if v_column is not null then
      v_mapping := v_mapping || jsonb_build_object(v_field.field, v_column);
    end if;
  end loop;
  if v_mapping ->> 'id' is null then
    select a.attname into v_column
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = p_table and i.indisprimary and i.indnkeyatts = 1;
    v_mapping := v_mapping || jsonb_strip_nulls(jsonb_build_object('id', v_column));
  end if;

  v_mapping := jsonb_build_object('source', 'worker') || v_mapping;
  v_bad := case
    when v_mapping ->> 'id' is null then 'id: no column of the table could be taken for it'
    when tocsin_internal.column_type(p_table, v_mapping ->> 'id') is null
      then 'id: it has to be a column'
    when v_mapping ->> 'at' is not null
      and tocsin_internal.column_type(p_table, v_mapping ->> 'at') is null
      then 'at: it has to be a column'
    when v_mapping ->> 'source' <> all (enum_range(null::tocsin.error_source)::text[])
      then 'source: it is worker, webhook or system'
    when jsonb_typeof(coalesce(v_mapping -> 'filter', '{}')) <> 'object'
      then 'filter: it is an object such as {"level": ["error", "fatal"]}'
    when v_mapping ->> 'message' is null and v_mapping ->> 'exception' is null
      then 'message: no column of the table could be taken for it'
    when v_mapping ? 'runs' and (to_regclass(v_mapping #>> '{runs,table}') is null
      or tocsin_internal.column_type(to_regclass(v_mapping #>> '{runs,table}'),
        v_mapping #>> '{runs,id}') is null
      or tocsin_internal.column_type(p_table, v_mapping ->> 'run_id') is null)
      then 'runs: it needs a table and its id, and run_id has to be a column'
    when v_mapping ? 'workflow_names'
      and to_regclass(v_mapping #>> '{workflow_names,table}') is null
      then 'workflow_names: it needs a table, its id and a name'
  end;
  if v_bad is not null then
    raise exception 'The option % does not fit the table %', split_part(v_bad, ':', 1), p_table
      using errcode = 'TC039', detail = v_bad,
        hint = 'Name a column, or a place in a json column such as payload.error.';
  end if;
  return v_mapping;
end
$$;

comment on function tocsin_internal.map_events(regclass, text, jsonb) is
  'What watch_errors() makes of its options: which column is what. Raises TC039.';

create function tocsin.watch_errors(
  p_table regclass, p_preset text default null, p_options jsonb default '{}'
) returns tocsin.error_sources
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_source tocsin.error_sources;
  v_mapping jsonb;
begin
  perform tocsin_internal.refuse_unwatchable(p_table);
  v_mapping := tocsin_internal.map_events(p_table, p_preset, p_options);

  select * into v_source from tocsin.error_sources where event_table = p_table;
  if not found then
    v_source.source_id := coalesce(v_mapping ->> 'source_id', left(coalesce(nullif(regexp_replace(
      lower((select relname from pg_catalog.pg_class where oid = p_table)),
      '^[^a-z]+|[^a-z0-9]+', '_', 'g'), ''), 'events'), 40));
    if v_source.source_id !~ '^[a-z][a-z0-9_]{0,39}$' or exists (
        select from tocsin.error_sources where source_id = v_source.source_id)
      or exists (select from tocsin.run_sources where source_id = v_source.source_id)
    then
      raise exception 'The source_id "%" is taken, or is not a short name', v_source.source_id
        using errcode = 'TC039', hint = 'Give another one: p_options => ''{"source_id": "…"}''';
    end if;
  end if;

  insert into tocsin.error_sources (source_id, event_table, preset, options, mapping)
  values (v_source.source_id, p_table, p_preset, coalesce(p_options, '{}'),
    v_mapping - 'source_id')
  on conflict (source_id) do update
    set preset = excluded.preset, options = excluded.options, mapping = excluded.mapping,
      updated_at = clock_timestamp()
  returning * into v_source;
  perform tocsin_internal.generate_event_retelling(v_source);
  perform tocsin_internal.generate_event_notice(v_source);
  perform tocsin_internal.ensure_trigger(p_table, 'insert', 'notice_' || v_source.source_id);
  return v_source;
end
$$;

comment on function tocsin.watch_errors(regclass, text, jsonb) is
  'Watches an events table: each row that passes the filter is an error from now on. Columns are '
  'found by their common names, by a preset (meshhook), or as options say; a field can be a place '
  'in a json column (payload.error), or a list of which the first that is there counts. Calling it '
  'again changes the watch. Needs the table''s owner. Raises TC001, TC002, TC008, TC039.';

create function tocsin.unwatch_errors(p_table regclass) returns text
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_source_id text;
  v_trigger record;
begin
  select source_id into v_source_id from tocsin.error_sources where event_table = p_table;
  if not found then
    raise exception 'The table % is not watched for errors', p_table using errcode = 'TC009',
      hint = coalesce('Watched are: ' || (select string_agg(event_table::text, ', ')
        from tocsin.error_sources), 'No table is.');
  end if;
  for v_trigger in
    select tgrelid::regclass as tbl, tgname from pg_catalog.pg_trigger
    where tgfoid = to_regproc(format('tocsin_internal.%I', 'notice_' || v_source_id))
      and tgparentid = 0
  loop
    execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.tbl);
  end loop;
  execute format('drop function if exists tocsin_internal.%I()', 'notice_' || v_source_id);
  execute format('drop function if exists tocsin_internal.%I(text[])', 'retell_' || v_source_id);
  delete from tocsin.error_sources where source_id = v_source_id;
  return v_source_id;
exception when lock_not_available then
  raise exception 'The table % is busy: a long transaction holds it', p_table
    using errcode = 'TC008', hint = 'Nothing was changed. Run it again when it is quieter.';
end
$$;

comment on function tocsin.unwatch_errors(regclass) is
  'Lets an events table go: drops its trigger. What was stored stays. Returns the source_id. '
  'Raises '
  'TC008 and TC009.';

-- What the events say -----------------------------------------------------------------------------

create function tocsin_internal.ask_events(p_source_id text, p_event_ids text[])
returns table (event_id text, run_id text, project_id text, workflow_id text, workflow_name text,
  node text, attempt text, is_last boolean, user_id text, component text, environment text,
  release text, error_type text, severity text, exception text, message text, stack text,
  metadata jsonb)
language plpgsql set search_path = '' set lock_timeout = '1s'
as $$
begin
  return query execute format('select * from tocsin_internal.%I($1)', 'retell_' || p_source_id)
    using p_event_ids;
exception
  when lock_not_available then
    raise; -- the host is changing its table: ingestion asks again later
  when others then
    -- the host changed its table: the errors still count, without their text
    perform tocsin_internal.record_fault('ask_events', sqlstate, sqlerrm, p_source_id);
end
$$;

comment on function tocsin_internal.ask_events(text, text[]) is
  'What an events table says of its errors; nothing, and a fault in stage_faults, when it cannot '
  'be '
  'asked.';

create function tocsin_internal.look_up_events(p_reports tocsin_internal.reported_errors[])
returns tocsin_internal.reported_errors[]
language sql set search_path = ''
as $$
  with told as materialized (
    select s.source_id, r.*, coalesce((
        select rs.source_id from tocsin.run_sources rs join tocsin.error_sources es
          on to_regclass(rs.mapping #>> '{events,table}') = es.event_table
        where es.source_id = s.source_id limit 1), s.source_id) as runs_source_id,
      exists (
        select from tocsin.run_sources rs join tocsin.error_sources es
          on to_regclass(rs.mapping #>> '{events,table}') = es.event_table
        where es.source_id = s.source_id) as has_runs
    from (
      select source_id, array_agg(distinct event_id) as ids from unnest(p_reports)
      where event_id is not null group by source_id
    ) as s
    cross join lateral tocsin_internal.ask_events(s.source_id, s.ids) as r
  )
  select coalesce(array_agg(case when p.event_id is null then p else row(
      p.report_id, p.attempts, p.due_at, p.is_seen, false, p.event_id, p.error_id, p.timestamp,
      p.origin, p.source,
      case when lower(t.error_type) = any (enum_range(null::tocsin.error_type)::text[])
        then lower(t.error_type) end,
      case when lower(t.severity) = any (enum_range(null::tocsin.severity)::text[])
        then lower(t.severity) end,
      left(coalesce(t.project_id, ''), 200), left(t.workflow_id, 200), left(t.workflow_name, 200),
      coalesce(t.runs_source_id, p.source_id), left(t.run_id, 500), left(t.node, 200),
      substring(t.attempt from '^\d{1,9}$')::int, left(t.user_id, 200), left(t.component, 200),
      left(t.environment, 100), left(t.release, 200), left(t.exception, 200), null, null,
      left(t.message, 65536), left(t.stack, 65536), t.metadata
    )::tocsin_internal.reported_errors end), '{}')
  from unnest(p_reports) as p
  left join told t on t.source_id = p.source_id and t.event_id = p.event_id
  -- the failure of the run tells of the last attempt
  where not (coalesce(t.is_last, false) and t.has_runs)
$$;

comment on function tocsin_internal.look_up_events(tocsin_internal.reported_errors[]) is
  'The reports, with the text of those that a watched events table told, and without those that '
  'the failure of their run tells.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.watch_errors(regclass, text, jsonb), tocsin.unwatch_errors(regclass)
  from public, anon, authenticated;
