-- Host changes: what becomes of a watched table that its owner alters, and how the watch follows.
--
-- When a table is watched, its name and the numbers of its columns are noted: a column that was
-- renamed keeps its number, and a table that took another one's place has its name. setup() follows
-- what can be followed; what cannot, doctor() says. Until then the triggers go on by name
-- (20260101000500_capture.sql), so that no run is lost.
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.watched_tables (
  kind text not null,
  source_id text not null,
  table_name text not null,
  columns jsonb not null,
  statuses text[],
  primary key (kind, source_id),
  constraint runs_or_errors_are_watched check (kind in ('runs', 'errors'))
);

comment on table tocsin_internal.watched_tables is
  'How each watched table was when it was last watched. Written by a trigger of the sources.';
comment on column tocsin_internal.watched_tables.kind is 'runs or errors.';
comment on column tocsin_internal.watched_tables.source_id is 'The source.';
comment on column tocsin_internal.watched_tables.table_name is 'The table''s name, in full.';
comment on column tocsin_internal.watched_tables.columns is
  'The number of each column that is read, by its name.';
comment on column tocsin_internal.watched_tables.statuses is
  'The statuses that the table allowed; null: any.';

create function tocsin_internal.full_name(p_table regclass) returns text
language sql stable set search_path = ''
as $$
  select format('%I.%I', n.nspname, c.relname)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table
$$;

comment on function tocsin_internal.full_name(regclass) is
  'The name of a table with its schema, ready to stand in SQL; null when there is no such table.';

create function tocsin_internal.columns_read(p_kind text, p_mapping jsonb) returns text[]
language sql immutable set search_path = ''
as $$
  select coalesce(array_agg(distinct split_part(path.value #>> '{}', '.', 1)), '{}')
  from jsonb_each(p_mapping) as field
  cross join lateral jsonb_array_elements(case jsonb_typeof(field.value)
    when 'array' then field.value else jsonb_build_array(field.value) end) as path
  where jsonb_typeof(path.value) = 'string' and case p_kind
    when 'runs' then field.key = any (array['run_id', 'project_id', 'workflow_id', 'status',
      'started_at', 'finished_at', 'error', 'node'])
    else field.key in (select f.field from tocsin_internal.error_fields() f) end
$$;

comment on function tocsin_internal.columns_read(text, jsonb) is
  'The columns of the watched table itself that a mapping of runs or errors reads.';

create function tocsin_internal.note_watched_table() returns trigger
language plpgsql set search_path = ''
as $$
declare
  v_kind constant text := case tg_table_name when 'run_sources' then 'runs' else 'errors' end;
  v_table constant regclass :=
    to_jsonb(new) ->> case v_kind when 'runs' then 'run_table' else 'event_table' end;
begin
  if tocsin_internal.full_name(v_table) is null then
    return null;
  end if;
  insert into tocsin_internal.watched_tables as w (kind, source_id, table_name, columns, statuses)
  values (v_kind, new.source_id, tocsin_internal.full_name(v_table), (
      select coalesce(jsonb_object_agg(a.attname, a.attnum), '{}')
      from pg_catalog.pg_attribute a
      where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped
        and a.attname = any (tocsin_internal.columns_read(v_kind, new.mapping))),
    case v_kind when 'runs' then
      tocsin_internal.possible_statuses(v_table, new.mapping ->> 'status') end)
  on conflict (kind, source_id) do update
    -- a migration that renames may be about to put another table in the place: follow_changes()
    set table_name = case when current_setting('tocsin.is_following', true) = 'yes'
        then w.table_name else excluded.table_name end,
      columns = excluded.columns, statuses = excluded.statuses;
  return null;
end
$$;

comment on function tocsin_internal.note_watched_table() is
  'Trigger of run_sources and error_sources: notes how the table is that is watched.';

create function tocsin_internal.forget_watched_table() returns trigger
language plpgsql set search_path = ''
as $$
begin
  delete from tocsin_internal.watched_tables
  where source_id = old.source_id
    and kind = case tg_table_name when 'run_sources' then 'runs' else 'errors' end;
  return null;
end
$$;

comment on function tocsin_internal.forget_watched_table() is
  'Trigger of run_sources and error_sources: forgets the table that is let go.';

create trigger note_watched_table after insert or update on tocsin.run_sources
  for each row execute function tocsin_internal.note_watched_table();
create trigger forget_watched_table after delete on tocsin.run_sources
  for each row execute function tocsin_internal.forget_watched_table();
create trigger note_watched_table after insert or update on tocsin.error_sources
  for each row execute function tocsin_internal.note_watched_table();
create trigger forget_watched_table after delete on tocsin.error_sources
  for each row execute function tocsin_internal.forget_watched_table();

-- Following ---------------------------------------------------------------------------------------

create function tocsin_internal.follow_table(p_kind text, p_source_id text, p_table regclass)
returns regclass
language sql stable set search_path = ''
as $$
  -- Its old name leads to another table: the one was put in the place of the other, as people do
  -- who make a table a partitioned one. Else a new name is only that.
  select coalesce(
    (select c.oid::regclass from tocsin_internal.watched_tables w
     join pg_catalog.pg_class c on c.oid = to_regclass(w.table_name)
     where w.kind = p_kind and w.source_id = p_source_id and c.relkind in ('r', 'p')
       and case p_kind
         when 'runs' then not exists (select from tocsin.run_sources where run_table = c.oid)
         else not exists (select from tocsin.error_sources where event_table = c.oid) end),
    (select c.oid::regclass from pg_catalog.pg_class c where c.oid = p_table))
$$;

comment on function tocsin_internal.follow_table(text, text, regclass) is
  'The table that a source is to watch now: its own, or the one that took its place; null when '
  'there is neither.';

create function tocsin_internal.follow_columns(
  p_source_id text, p_table regclass, p_preset text, p_options jsonb
) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_source tocsin.run_sources;
  v_noted jsonb;
  v_field text;
  v_column text;
  v_now text;
  v_options jsonb := p_options;
begin
  select * into strict v_source from tocsin.run_sources where source_id = p_source_id;
  select columns into v_noted from tocsin_internal.watched_tables
  where kind = 'runs' and source_id = p_source_id;
  foreach v_field in array array['run_id', 'project_id', 'workflow_id', 'status', 'started_at',
                                 'finished_at', 'error', 'node'] loop
    v_column := v_source.mapping ->> v_field;
    continue when v_column is null
      or tocsin_internal.column_type(p_table, v_column) is not null;
    v_now := (
      select a.attname from pg_catalog.pg_attribute a
      where a.attrelid = p_table and p_table = v_source.run_table
        and a.attnum = (v_noted ->> v_column)::int and not a.attisdropped);
    if v_now is not null then
      v_options := v_options || jsonb_build_object(v_field, v_now);
    elsif v_options ? v_field then
      -- it is gone: whatever has a common name may do instead
      v_options := v_options - v_field;
    elsif p_preset is not null then
      v_options := v_options || jsonb_build_object(v_field, null);
    end if;
  end loop;
  return v_options;
end
$$;

comment on function tocsin_internal.follow_columns(text, regclass, text, jsonb) is
  'The options of a source with the new names of columns that were renamed, and without those that '
  'are gone.';

create function tocsin_internal.watch_runs_again(p_source_id text) returns void
language plpgsql set search_path = ''
as $$
declare
  v_source tocsin.run_sources;
  v_table regclass;
  v_statuses text[];
begin
  select * into strict v_source from tocsin.run_sources where source_id = p_source_id;
  v_table := tocsin_internal.follow_table('runs', p_source_id, v_source.run_table);
  if v_table is null then
    return;
  end if;
  select statuses into v_statuses from tocsin_internal.watched_tables
  where kind = 'runs' and source_id = p_source_id;
  v_source.options := tocsin_internal.follow_columns(p_source_id, v_table, v_source.preset,
    v_source.options);
  if v_table <> v_source.run_table then
    perform tocsin_internal.drop_generated(p_source_id);
    update tocsin.run_sources set run_table = v_table where source_id = p_source_id;
  end if;
  v_source := tocsin.watch_runs(v_table, v_source.preset, v_source.options);
  -- a status that came since, and whose meaning nobody has said, is still to be told of
  update tocsin_internal.watched_tables w
  set statuses = array(
    select status from unnest(w.statuses) as status
    where status = any (v_statuses)
      or tocsin_internal.outcome_of(v_source.mapping, status) is not null
      or v_source.mapping -> 'idle' ? status)
  where w.kind = 'runs' and w.source_id = p_source_id and v_statuses is not null
    and w.statuses is not null;
end
$$;

comment on function tocsin_internal.watch_runs_again(text) is
  'Watches the table of a source as it is now: follows it where it was renamed or replaced, and '
  'its columns. Nothing when the table is gone. Raises what watch_runs() raises.';

create function tocsin_internal.watch_errors_again(p_source_id text) returns void
language plpgsql set search_path = ''
as $$
declare
  v_source tocsin.error_sources;
  v_table regclass;
  v_trigger record;
begin
  select * into strict v_source from tocsin.error_sources where source_id = p_source_id;
  v_table := tocsin_internal.follow_table('errors', p_source_id, v_source.event_table);
  if v_table is null then
    return;
  end if;
  if v_table <> v_source.event_table then
    for v_trigger in
      select tgrelid::regclass as tbl, tgname from pg_catalog.pg_trigger
      where tgfoid = to_regproc(format('tocsin_internal.%I', 'notice_' || p_source_id))
        and tgparentid = 0
    loop
      execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.tbl);
    end loop;
    update tocsin.error_sources set event_table = v_table where source_id = p_source_id;
  end if;
  perform tocsin.watch_errors(v_table, v_source.preset, v_source.options);
end
$$;

comment on function tocsin_internal.watch_errors_again(text) is
  'Watches the events table of a source as it is now: follows it where it was renamed or replaced. '
  'Nothing when the table is gone. Raises what watch_errors() raises.';

alter table tocsin_internal.watched_tables enable row level security;
create policy nobody_reads_it_through_the_api on tocsin_internal.watched_tables using (false);
revoke all on tocsin_internal.watched_tables from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
