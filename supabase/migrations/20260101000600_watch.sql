-- Watching: one statement that puts a table under watch, and one that lets it go.
--
-- Errors: TC006, TC008 and TC009, and those of the mapping (docs/reference/errors.md).
-- SECURITY DEFINER functions: none. watch_runs() needs the table's owner, and creates what it
-- creates as the caller.

create function tocsin_internal.generate_description(p_source tocsin.run_sources) returns void
language plpgsql set search_path = ''
as $generator$
declare
  m constant jsonb := p_source.mapping;
  v_name constant text := 'describe_' || p_source.source_id;
  v_columns text := '';
  v_joins text := '';
begin
  if m ? 'events' then
    -- the newest event of the kind that told the failure knows the node and the error
    v_joins := v_joins || format($join$
  left join lateral (
    select coalesce(e.%1$I -> 'node' ->> 'id', e.%1$I ->> 'node') as node,
      e.%1$I ->> 'error' as error, (e.%1$I ->> 'attempt')::numeric as attempt
    from %2$s e where e.%3$I = r.%4$I and e.%5$I = %6$L order by e.%7$I desc limit 1
  ) event on true$join$, m #>> '{events,payload}', (m #>> '{events,table}')::regclass,
      m #>> '{events,run_id}', m ->> 'run_id', m #>> '{events,type}', m #>> '{events,failed_type}',
      m #>> '{events,at}');
  end if;
  if m ? 'jobs' then
    v_joins := v_joins || format($join$
  left join lateral (
    select coalesce(j.%1$I::text, %7$L) as error
    from %2$s j where j.%3$I = r.%4$I and coalesce(j.%5$I, j.%6$I) is not null
    order by coalesce(j.%5$I, j.%6$I) desc limit 1
  ) job on true$join$, m #>> '{jobs,error}', (m #>> '{jobs,table}')::regclass,
      m #>> '{jobs,run_id}', m ->> 'run_id', m #>> '{jobs,failed_at}', m #>> '{jobs,dead_at}',
      m #>> '{jobs,says}');
  end if;
  if m ? 'steps' then
    v_joins := v_joins || format($join$
  left join lateral (
    select s.%1$I::text as node, s.%2$I::text as error, %3$s as attempt
    from %4$s s where s.%5$I = r.%6$I and coalesce(%7$s) is not null
    order by coalesce(%7$s) desc limit 1
  ) step on true$join$, m #>> '{steps,node}', m #>> '{steps,error}',
      coalesce(format('s.%I::numeric', m #>> '{steps,attempt}'), 'null::numeric'),
      (m #>> '{steps,table}')::regclass, m #>> '{steps,run_id}', m ->> 'run_id',
      concat_ws(', ', format('s.%I', m #>> '{steps,failed_at}'),
        's.' || quote_ident(m #>> '{steps,stalled_at}')));
  end if;
  if m ? 'workflow_names' and m ->> 'workflow_id' is not null then
    v_joins := v_joins || format($join$
  left join %1$s workflow on workflow.%2$I = r.%3$I$join$,
      (m #>> '{workflow_names,table}')::regclass, m #>> '{workflow_names,id}', m ->> 'workflow_id');
    v_columns := format('workflow.%I::text', m #>> '{workflow_names,name}');
  else
    v_columns := 'null::text';
  end if;

  execute format($template$
create or replace function tocsin_internal.%1$I(p_run_ids text[])
returns table (run_id text, project_id text, workflow_id text, workflow_name text,
  started_at timestamptz, node text, error text, attempt int)
language sql stable set search_path = ''
as $describe$
  select r.%2$I::text, %3$s, %4$s, %5$s, %6$s,
    coalesce(%7$s, %8$s), coalesce(%9$s, %10$s, %11$s), (coalesce(%12$s, null::numeric))::int
  from %13$s r%14$s
  -- the parameter is cast, not the column: its index is used
  where r.%2$I = any (p_run_ids::%15$s[])
$describe$
$template$,
    v_name, m ->> 'run_id',
    tocsin_internal.text_expression(m ->> 'project_id', 'r'),
    tocsin_internal.text_expression(m ->> 'workflow_id', 'r'),
    v_columns,
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'started_at', 'r'),
    concat_ws(', ', 'null', case when m ? 'events' then 'event.node' end,
      case when m ? 'steps' then 'step.node' end),
    tocsin_internal.text_expression(m ->> 'node', 'r'),
    case when m ? 'events' then 'event.error' else 'null' end,
    concat_ws(', ', 'null', case when m ? 'steps' then 'step.error' end,
      case when m ? 'jobs' then 'job.error' end),
    tocsin_internal.text_expression(m ->> 'error', 'r'),
    concat_ws(', ', 'null', case when m ? 'events' then 'event.attempt' end,
      case when m ? 'steps' then 'step.attempt' end),
    p_source.run_table, v_joins,
    tocsin_internal.column_type(p_source.run_table, m ->> 'run_id'));

  execute format('revoke all on function tocsin_internal.%I(text[]) from public', v_name);
  execute format('comment on function tocsin_internal.%I(text[]) is %L', v_name,
    format('What %s says of failed runs: workflow, node, error. Generated.', p_source.run_table));
exception when syntax_error_or_access_rule_violation then
  raise exception 'The columns of % and of the tables beside it cannot be read together: %',
    p_source.run_table, sqlerrm
    using errcode = 'TC003', hint = 'Ids that belong together need one type, and the payload of '
      'events is json or jsonb.';
end
$generator$;

comment on function tocsin_internal.generate_description(tocsin.run_sources) is
  'Writes the look-up with which ingestion learns a failed run''s workflow, node and error. Raises '
  'TC003.';

create function tocsin_internal.generate_host_projects() returns void
language plpgsql set search_path = ''
as $generator$
declare
  v_selects text;
begin
  select string_agg(distinct format($block$  begin
    return query select %s from %s() as answer where %L::tocsin.member_role >= p_role;
  exception when others then
    raise warning 'Tocsin could not ask the host for its members: %%', sqlerrm;
  end;
$block$,
    case when p.proretset or t.typcategory <> 'A' then 'answer::text'
      else 'unnest(answer)::text' end,
    p.oid::regproc, coalesce(s.mapping ->> 'members_role', 'viewer')), '')
  into v_selects
  from tocsin.run_sources s
  join pg_catalog.pg_proc p on p.oid = to_regproc(s.mapping ->> 'members_function')
  join pg_catalog.pg_type t on t.oid = p.prorettype;

  execute format($template$
create or replace function tocsin_internal.host_projects(p_role tocsin.member_role)
returns setof text
language plpgsql stable set search_path = ''
as $body$
begin
  -- the host's functions were written for the host's own search path
  perform set_config('search_path', 'public, extensions', true);
%send
$body$
$template$, v_selects);
end
$generator$;

comment on function tocsin_internal.generate_host_projects() is
  'Writes host_projects() from the membership functions that the run sources name.';

create function tocsin_internal.ensure_trigger(
  p_table regclass, p_events text, p_function text
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_enabled "char";
begin
  select tgenabled into v_enabled from pg_catalog.pg_trigger
  where tgrelid = p_table and tgfoid = format('tocsin_internal.%I', p_function)::regproc;
  if v_enabled is null then
    execute format('create trigger %I after %s on %s for each row execute function '
      'tocsin_internal.%I()', 'tocsin_' || p_function, p_events, p_table, p_function);
  elsif v_enabled = 'D' then
    execute format('alter table %s enable trigger %I', p_table, 'tocsin_' || p_function);
  end if;
exception when lock_not_available then
  raise exception 'The table % is busy: a long transaction holds it, and Tocsin will not wait',
    p_table
    using errcode = 'TC008', hint = 'Nothing was changed. Run it again when the table is quieter; '
      'pg_stat_activity shows the long transaction.';
end
$$;

comment on function tocsin_internal.ensure_trigger(regclass, text, text) is
  'Puts the trigger on the table unless it is there already. Raises TC008 when the table is busy.';

create function tocsin_internal.choose_source_id(
  p_table regclass, p_asked text, p_preset_id text
) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_table text;
  v_schema text;
  v_slug text;
begin
  select c.relname, n.nspname into v_table, v_schema
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;

  foreach v_slug in array
    case when p_asked is null then array[p_preset_id, v_table, v_schema || '_' || v_table]
         else array[p_asked] end
  loop
    continue when v_slug is null;
    if p_asked is null then
      v_slug := regexp_replace(lower(v_slug), '[^a-z0-9]+', '_', 'g');
      v_slug := left(coalesce(nullif(regexp_replace(v_slug, '^[^a-z]+', ''), ''), 'runs'), 40);
    end if;
    if v_slug !~ '^[a-z][a-z0-9_]{0,39}$' then
      raise exception 'The source_id "%" is not a short name', v_slug using errcode = 'TC006',
        hint = 'Use 1 to 40 of a-z, 0-9 and _, beginning with a letter.';
    end if;
    if not exists (select from tocsin.run_sources where source_id = v_slug and run_table <> p_table)
    then
      return v_slug;
    end if;
  end loop;

  raise exception 'The source_id "%" is taken by another table', v_slug using errcode = 'TC006',
    hint = 'Give another one: p_options => ''{"source_id": "…"}''';
end
$$;

comment on function tocsin_internal.choose_source_id(regclass, text, text) is
  'A name for the source: the one asked for, else the preset''s, else made from the table''s name. '
  'Raises TC006.';

create function tocsin_internal.generate_source(p_source tocsin.run_sources) returns void
language plpgsql set search_path = ''
as $$
declare
  m constant jsonb := p_source.mapping;
begin
  perform tocsin_internal.generate_run_capture(p_source);
  perform tocsin_internal.generate_description(p_source);
  perform tocsin_internal.ensure_trigger(p_source.run_table, 'insert or update',
    tocsin_internal.name_of_capture(p_source.source_id, 'runs'));
  if m ? 'events' then
    perform tocsin_internal.generate_event_capture(p_source);
    perform tocsin_internal.ensure_trigger((m #>> '{events,table}')::regclass, 'insert',
      tocsin_internal.name_of_capture(p_source.source_id, 'events'));
  end if;
  if m ? 'jobs' then
    perform tocsin_internal.generate_job_capture(p_source);
    perform tocsin_internal.ensure_trigger((m #>> '{jobs,table}')::regclass, 'insert or update',
      tocsin_internal.name_of_capture(p_source.source_id, 'jobs'));
  end if;
end
$$;

comment on function tocsin_internal.generate_source(tocsin.run_sources) is
  'Writes everything that is generated for a source: its functions and their triggers.';

create function tocsin.watch_runs(
  p_table regclass, p_preset text default null, p_options jsonb default '{}'
) returns tocsin.run_sources
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_options jsonb;
  v_source tocsin.run_sources;
  v_side text;
begin
  perform tocsin_internal.refuse_unwatchable(p_table);
  v_options := tocsin_internal.merge_options(p_table, p_preset, p_options);

  select * into v_source from tocsin.run_sources where run_table = p_table;
  if found and v_options ->> 'source_id' <> v_source.source_id and p_options ? 'source_id' then
    raise exception 'The table % is already watched as "%"', p_table, v_source.source_id
      using errcode = 'TC006', hint = format('To rename it: select tocsin.unwatch_runs(%L); and '
        'watch it again. Its history stays under the old name.', p_table);
  elsif not found then
    v_source.source_id := tocsin_internal.choose_source_id(p_table, p_options ->> 'source_id',
      v_options ->> 'source_id');
  end if;

  v_source.mapping := (v_options - 'source_id') || tocsin_internal.map_columns(p_table, v_options);
  v_source.mapping := v_source.mapping
    || tocsin_internal.map_statuses(p_table, v_source.mapping ->> 'status', v_options);
  perform tocsin_internal.refuse_moving_rows(p_table, v_source.mapping);
  foreach v_side in array array['events', 'jobs', 'steps', 'workflow_names', 'project_names']
  loop
    perform tocsin_internal.refuse_bad_side_table(v_side, v_source.mapping -> v_side);
  end loop;

  insert into tocsin.run_sources as s (source_id, run_table, preset, options, mapping)
  values (v_source.source_id, p_table, p_preset, coalesce(p_options, '{}'), v_source.mapping)
  on conflict (source_id) do update
    set preset = excluded.preset, options = excluded.options, mapping = excluded.mapping,
      updated_at = clock_timestamp()
    where s.run_table = excluded.run_table
  returning * into v_source;
  if not found then
    raise exception 'The source_id "%" was taken by another table just now', v_source.source_id
      using errcode = 'TC006', hint = 'Nothing was changed. Run it again.';
  end if;

  perform tocsin_internal.drop_generated(v_source.source_id, p_but_wanted_by => v_source.mapping);
  perform tocsin_internal.generate_source(v_source);
  perform tocsin_internal.generate_host_projects();
  -- after the triggers are there: whatever finishes from now on is captured
  perform tocsin_internal.begin_counting(v_source);
  return v_source;
end
$$;

comment on function tocsin.watch_runs(regclass, text, jsonb) is
  'Watches a run table: from now on each run that ends is counted, and each failure can alert. '
  'Columns and statuses are found by their common names, by a preset (meshhook, pgflow, pgboss), '
  'or as options say. Calling it again changes the watch. Needs the table''s owner. Raises TC001 '
  'to TC008.';

create function tocsin_internal.drop_generated(p_source_id text, p_but_wanted_by jsonb default null)
returns void
language plpgsql set search_path = ''
as $$
declare
  v_side text;
  v_function text;
  v_trigger record;
begin
  foreach v_side in array array['runs', 'events', 'jobs'] loop
    continue when v_side = 'runs' and p_but_wanted_by is not null or p_but_wanted_by ? v_side;
    v_function := format('tocsin_internal.%I',
      tocsin_internal.name_of_capture(p_source_id, v_side));
    for v_trigger in
      select tgrelid::regclass as tbl, tgname from pg_catalog.pg_trigger
      where tgfoid = to_regproc(v_function) and tgparentid = 0
    loop
      execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.tbl);
    end loop;
    if to_regproc(v_function) is not null then
      execute format('drop function %s()', v_function);
    end if;
  end loop;
  if p_but_wanted_by is null then
    execute format('drop function if exists tocsin_internal.%I(text[])',
      'describe_' || p_source_id);
  end if;
exception when lock_not_available then
  raise exception 'A table of the source % is busy: a long transaction holds it', p_source_id
    using errcode = 'TC008', hint = 'Nothing was changed. Run it again when it is quieter.';
end
$$;

comment on function tocsin_internal.drop_generated(text, jsonb) is
  'Drops the generated triggers and functions of a source, but for those its mapping still wants.';

create function tocsin.unwatch_runs(p_table regclass) returns text
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_source_id text;
begin
  select source_id into v_source_id from tocsin.run_sources where run_table = p_table;
  if not found then
    raise exception 'The table % is not watched', p_table using errcode = 'TC009',
      hint = coalesce('Watched are: ' || (select string_agg(run_table::text, ', ')
        from tocsin.run_sources), 'No table is.');
  end if;
  perform tocsin_internal.drop_generated(v_source_id);
  delete from tocsin.run_sources where source_id = v_source_id;
  update tocsin_internal.counted_ranges
  set watched = watched * tstzmultirange(tstzrange(null, clock_timestamp())), watched_since = null
  where source_id = v_source_id;
  perform tocsin_internal.generate_host_projects();
  return v_source_id;
end
$$;

comment on function tocsin.unwatch_runs(regclass) is
  'Lets a table go: drops its triggers. What was counted stays. Returns the source_id. Raises '
  'TC009 '
  'when it is not watched and TC008 when it is busy.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.watch_runs(regclass, text, jsonb) from public, anon, authenticated;
revoke all on function tocsin.unwatch_runs(regclass) from public, anon, authenticated;
