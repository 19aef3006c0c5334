-- Checks of what is watched: that each table still has what its trigger reads, its trigger, and
-- that somebody would be told.
--
-- SECURITY DEFINER functions: none. They read what only the owner may read: findings() calls them.

create function tocsin_internal.has_live_trigger(p_table regclass, p_function text) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from pg_catalog.pg_trigger t
    where t.tgrelid = p_table and t.tgenabled <> 'D'
      and t.tgfoid = to_regproc(format('tocsin_internal.%I', p_function)))
$$;

comment on function tocsin_internal.has_live_trigger(regclass, text) is
  'Whether a table has the trigger of this generated function, switched on.';

create function tocsin_internal.explain_column(
  p_kind text, p_source_id text, p_table regclass, p_column text, p_field text
) returns text
language sql stable set search_path = ''
as $$
  select format('column %s (%s) ', p_column, p_field) || coalesce('is now called ' || (
    select a.attname from tocsin_internal.watched_tables w
    join pg_catalog.pg_attribute a on a.attrelid = p_table and not a.attisdropped
      and a.attnum = (w.columns ->> p_column)::int
    where w.kind = p_kind and w.source_id = p_source_id), 'is gone')
$$;

comment on function tocsin_internal.explain_column(text, text, regclass, text, text) is
  'What became of a column that is no longer there under its name.';

create function tocsin_internal.is_generated_for(p_source tocsin.run_sources) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from pg_catalog.pg_proc p
    where p.oid = to_regproc(format('tocsin_internal.%I',
        tocsin_internal.name_of_capture(p_source.source_id, 'runs')))
      and position(format('v_started_at := %s;', tocsin_internal.timestamp_expression(
        p_source.run_table, p_source.mapping ->> 'started_at', 'new')) in p.prosrc) > 0
      and position(format('v_finished_at := %s;', tocsin_internal.timestamp_expression(
        p_source.run_table, p_source.mapping ->> 'finished_at', 'new')) in p.prosrc) > 0
      and position(format('new.%1$I%2$s = old.%1$I%2$s', p_source.mapping ->> 'status',
        tocsin_internal.status_cast(p_source.run_table, p_source.mapping ->> 'status'))
        in p.prosrc) > 0)
$$;

comment on function tocsin_internal.is_generated_for(tocsin.run_sources) is
  'Whether the trigger function of a source reads its columns by the types that they have now.';

create function tocsin_internal.check_statuses(p_source tocsin.run_sources)
returns table (problem text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  m constant jsonb := p_source.mapping;
  v_new text[];
  v_known text[];
begin
  select array_agg(status) into v_new
  from tocsin_internal.watched_tables w
  cross join unnest(tocsin_internal.possible_statuses(p_source.run_table, m ->> 'status')) as status
  where w.kind = 'runs' and w.source_id = p_source.source_id and status <> all (w.statuses);
  if v_new is null then
    return;
  end if;
  select array_agg(status) into v_known from unnest(v_new) as status
  where exists (
    select from tocsin_internal.common_names() n
    where n.field in ('succeeded', 'failed', 'canceled', 'timed_out', 'idle')
      and lower(status) = any (n.names) and not p_source.options ? n.field);
  if v_known = v_new then
    return query select format('it has new statuses: %s', array_to_string(v_new, ', ')),
      'select tocsin.setup();';
  else
    return query select format('it has new statuses, which count as still running: %s',
        array_to_string(v_new, ', ')),
      format('Say what they mean: select tocsin.watch_runs(%L, %L, %L); or, if runs do go on in '
        'them, leave the options as they were.', p_source.run_table, p_source.preset,
        p_source.options || jsonb_build_object('failed', m -> 'failed' || to_jsonb(v_new)));
  end if;
end
$$;

comment on function tocsin_internal.check_statuses(tocsin.run_sources) is
  'What is to be said of statuses that the table allows since it was watched; no row: nothing.';

create function tocsin_internal.check_source(p_source tocsin.run_sources)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  m constant jsonb := p_source.mapping;
  v_name constant text := 'watching ' || p_source.source_id;
  v_mend constant text := 'select tocsin.setup();';
  v_problem text;
  v_hint text;
  v_side text;
  v_table regclass;
begin
  v_table := tocsin_internal.follow_table('runs', p_source.source_id, p_source.run_table);
  if v_table is null then
    return query select v_name, 'fail', 'The table of its runs is gone.',
      format('select tocsin.unwatch_runs(%s::oid::regclass);', p_source.run_table::oid);
    return;
  elsif v_table <> p_source.run_table then
    return query select v_name, 'fail', format('%s is another table now than the watched one, '
      'which is %s.', v_table, coalesce('called ' || tocsin_internal.full_name(p_source.run_table),
      'gone')), v_mend;
    return;
  end if;

  foreach v_side in array array['runs', 'events', 'jobs'] loop
    continue when v_side <> 'runs' and not m ? v_side;
    v_table := case v_side when 'runs' then p_source.run_table
      else to_regclass(m #>> array[v_side, 'table']) end;
    if v_table is null then
      return query select v_name, 'fail', format('The table of its %s is gone.', v_side),
        format('Name the one that has them now: select tocsin.watch_runs(%L, %L, %L); or, if there '
          'is none, with {"%s": null}.', p_source.run_table, p_source.preset, p_source.options,
          v_side);
      return;
    end if;

    select string_agg(tocsin_internal.explain_column('runs', p_source.source_id,
        case v_side when 'runs' then v_table end, field.value, field.key), ', '),
      case when v_side = 'runs' and bool_and(field.key not in ('run_id', 'status')
          or tocsin_internal.explain_column('runs', p_source.source_id, v_table, field.value,
            field.key) not like '%is gone') then v_mend
        else format('Watch it again, naming what changed: select tocsin.watch_runs(%L, %L, '
          '''{"%s": "…"}'');', p_source.run_table, p_source.preset, min(field.key)) end
    into v_problem, v_hint
    from jsonb_each_text(case v_side when 'runs' then m else m -> v_side end) as field
    where field.key = any (case v_side
        when 'runs' then array['run_id', 'project_id', 'workflow_id', 'status', 'started_at',
          'finished_at', 'error', 'node']
        else array['run_id', 'type', 'at', 'payload', 'failed_at', 'dead_at', 'error'] end)
      and field.value is not null
      and tocsin_internal.column_type(v_table, field.value) is null;
    if v_problem is null and not tocsin_internal.has_live_trigger(v_table,
      tocsin_internal.name_of_capture(p_source.source_id, v_side))
    then
      v_problem := 'the trigger is gone or off';
      v_hint := v_mend;
    end if;
    if v_problem is not null then
      return query select v_name, 'fail', format('%s: %s', v_table, v_problem), v_hint;
      return;
    end if;
  end loop;

  if not exists (
    select from pg_catalog.pg_proc p
    where p.oid = to_regproc(format('tocsin_internal.%I', 'describe_' || p_source.source_id))
      and position(format('from %s r', p_source.run_table) in p.prosrc) > 0)
  then
    return query select v_name, 'fail', format(
      '%s was renamed: its failures come without their text.', p_source.run_table), v_mend;
  elsif not tocsin_internal.is_generated_for(p_source) then
    return query select v_name, 'fail', format(
      '%s: its columns have other types than when it was watched', p_source.run_table), v_mend;
  else
    select s.problem, s.hint into v_problem, v_hint
    from tocsin_internal.check_statuses(p_source) as s;
    return query
    select v_name, case when v_problem is null and l.way is distinct from 'none' then 'ok'
        else 'warn' end,
      concat_ws('; ', concat_ws(': ', p_source.run_table::text, v_problem),
        tocsin_internal.say_search(p_source.source_id)),
      coalesce(v_hint, case l.way when 'none' then
        'Map started_at, and make an index on the run''s id: '
        'docs/reference/alert-kinds/run_stuck.md'
      end)
    from (select p_source.source_id) as s
    left join tocsin_internal.run_searches l using (source_id);
  end if;
end
$$;

comment on function tocsin_internal.check_source(tocsin.run_sources) is
  'Checks that a watched table still has what its trigger reads, and its trigger.';

create function tocsin_internal.check_error_source(p_source tocsin.error_sources)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  v_name constant text := 'watching errors ' || p_source.source_id;
  v_mend constant text := 'select tocsin.setup();';
  v_table regclass;
  v_problem text;
begin
  v_table := tocsin_internal.follow_table('errors', p_source.source_id, p_source.event_table);
  if v_table is null then
    return query select v_name, 'fail', 'The table of its events is gone.',
      format('select tocsin.unwatch_errors(%s::oid::regclass);', p_source.event_table::oid);
    return;
  elsif v_table <> p_source.event_table then
    return query select v_name, 'fail', format('%s is another table now than the watched one.',
      v_table), v_mend;
    return;
  end if;
  select string_agg(tocsin_internal.explain_column('errors', p_source.source_id, v_table, read,
    'read by its mapping'), ', ') into v_problem
  from unnest(tocsin_internal.columns_read('errors', p_source.mapping)) as read
  where tocsin_internal.column_type(v_table, read) is null;
  if v_problem is not null then
    return query select v_name, 'fail', format('%s: %s', v_table, v_problem), format(
      'Watch it again, naming what changed: select tocsin.watch_errors(%L, %L, %L);', v_table,
      p_source.preset, p_source.options);
  elsif not tocsin_internal.has_live_trigger(v_table, 'notice_' || p_source.source_id) then
    return query select v_name, 'fail', format('%s: the trigger is gone or off', v_table), v_mend;
  elsif not exists (
    select from pg_catalog.pg_proc p
    where p.oid = to_regproc(format('tocsin_internal.%I', 'retell_' || p_source.source_id))
      and position(format('from %s e', v_table) in p.prosrc) > 0)
  then
    return query select v_name, 'fail', format('%s was renamed: its errors come without their '
      'text.', v_table), v_mend;
  else
    return query select v_name, 'ok', v_table::text, null::text;
  end if;
end
$$;

comment on function tocsin_internal.check_error_source(tocsin.error_sources) is
  'Checks that a watched events table still has what its trigger reads, and its trigger.';

create function tocsin_internal.check_watching(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  v_names text;
begin
  if not exists (select from tocsin.run_sources) then
    return query select 'a table is watched', 'warn', 'No run table is watched yet.',
      'select tocsin.watch_runs(''public.your_runs'');';
  end if;
  return query select c.* from tocsin.run_sources s
    cross join lateral tocsin_internal.check_source(s) as c;
  return query select c.* from tocsin.error_sources s
    cross join lateral tocsin_internal.check_error_source(s) as c;
  if to_regclass('pgboss.queue') is not null
    and not tocsin_internal.is_trusted_table('pgboss.queue')
  then
    return query select 'queues of pg-boss', 'warn', 'They are not looked at: the schema pgboss or '
      'its table queue belongs to another role, whose code would run with the rights of Tocsin''s '
      'owner.', format('If you trust that role: grant %s to %I;', (
        select r.rolname::regrole from pg_catalog.pg_namespace n
        join pg_catalog.pg_roles r on r.oid = n.nspowner where n.nspname = 'pgboss'), current_user);
  end if;

  if not exists (select from tocsin.alert_settings s where s.is_enabled) then
    return query select 'somebody is told', 'warn', 'No alert setting is on.',
      'Add a row to tocsin.alert_settings and a channel to it: docs/how-to/watch-your-own-table.md';
  else
    select string_agg(s.name, ', ') into v_names from tocsin.alert_settings s
    where s.is_enabled and not exists (
      select from tocsin.alert_setting_channels sc
      join tocsin.alert_channels c on c.channel_id = sc.channel_id and c.is_enabled
      where sc.setting_id = s.setting_id);
    return query select 'somebody is told', case when v_names is null then 'ok' else 'warn' end,
      coalesce('No channel that is on: ' || v_names, 'Every setting has a channel that is on.'),
      case when v_names is not null then 'Add a row to tocsin.alert_setting_channels.' end;
  end if;
end
$$;

comment on function tocsin_internal.check_watching(timestamptz) is
  'Checks what is watched and whether anybody would be told.';

revoke all on all functions in schema tocsin_internal from public;
