-- Watching errors: a table of events, of which some tell of an error.
--
-- A generated trigger function appends which row it was, and no more: it follows the rules of the
-- capture of runs (20260101000500_capture.sql). What the row says is looked up when the heart
-- stores the error, and redacted before it is.
--
-- An event of the last attempt, in a table that a run source reads as well, is not stored: the
-- failure of its run tells it.
--
-- Errors: TC009, TC039, and TC001, TC002, TC008 of watch_runs() (docs/reference/errors.md).
-- SECURITY DEFINER functions: the generated notice_<source_id>(), so that whoever may write an
-- event may append it. They take nothing from the caller but the row.

create table tocsin.error_sources (
  source_id text primary key,
  event_table regclass not null,
  preset text,
  options jsonb not null default '{}',
  mapping jsonb not null,
  watched_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint an_events_table_is_watched_once unique (event_table),
  constraint source_id_is_a_short_slug check (source_id ~ '^[a-z][a-z0-9_]{0,39}$')
);

comment on table tocsin.error_sources is
  'The events tables that are watched for errors. Written by tocsin.watch_errors(); change one by '
  'calling it again.';
comment on column tocsin.error_sources.source_id is 'Names the source; stays when it is renamed.';
comment on column tocsin.error_sources.event_table is 'The watched table.';
comment on column tocsin.error_sources.preset is
  'The preset that the mapping started from, if any.';
comment on column tocsin.error_sources.options is 'The options as they were given.';
comment on column tocsin.error_sources.mapping is 'What watch_errors() made of them.';
comment on column tocsin.error_sources.watched_at is 'Since when the table is watched.';
comment on column tocsin.error_sources.updated_at is 'When the mapping was last made.';

create function tocsin_internal.error_presets() returns table (preset text, options jsonb)
language sql immutable set search_path = ''
as $$
  values ('meshhook', '{
    "source_id": "workflow_events", "id": "id", "at": "ts", "run_id": "run_id",
    "filter": {"type": "step_failed"},
    "message": "payload.error", "node": ["payload.node.id", "payload.node"],
    "attempt": "payload.attempt", "max_attempts": ["payload.max_attempts", 5],
    "runs": {"table": "public.workflow_runs", "id": "id", "project_id": "project_id",
             "workflow_id": "workflow_id"},
    "workflow_names": {"table": "public.workflow_definitions", "id": "id", "name": "slug"}
  }'::jsonb)
$$;

comment on function tocsin_internal.error_presets() is
  'The presets of watch_errors(): mappings of engines that we know. What the host lacks is left '
  'out.';

create function tocsin_internal.error_fields() returns table (field text, names text[])
language sql immutable set search_path = ''
as $$
  values
    ('id', array['id', 'event_id', 'error_id', 'uuid']),
    ('at', array['occurred_at', 'happened_at', 'created_at', 'ts', 'timestamp', 'at',
                 'inserted_at', 'logged_at']),
    ('run_id', array['run_id', 'job_id']),
    ('project_id', array['project_id', 'tenant_id', 'organization_id', 'org_id', 'workspace_id',
                         'team_id', 'account_id']),
    ('workflow_id', array['workflow_id', 'flow_id', 'flow_slug', 'pipeline_id', 'workflow']),
    ('user_id', array['user_id']),
    ('node', array['node_id', 'step_slug', 'node', 'step', 'step_id']),
    ('message', array['error_message', 'message', 'error', 'error_text', 'details']),
    ('exception', array['exception', 'error_name', 'error_class']),
    ('stack', array['stack', 'stack_trace', 'stacktrace']),
    ('severity', array['severity']),
    ('error_type', array['error_type']),
    ('environment', array['environment']),
    ('release', array['release', 'app_version']),
    ('component', array['component', 'service']),
    ('attempt', array['attempt']),
    ('max_attempts', array['max_attempts']),
    ('metadata', '{}')
$$;

comment on function tocsin_internal.error_fields() is
  'What an event can say, and how such columns are commonly called.';

create function tocsin_internal.event_path(p_table regclass, p_path jsonb, p_row text)
returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_parts text[];
begin
  if jsonb_typeof(p_path) = 'number' then
    return quote_literal(p_path #>> '{}');
  elsif jsonb_typeof(p_path) = 'array' then
    return (select format('coalesce(%s)', string_agg(
      tocsin_internal.event_path(p_table, part, p_row), ', ' order by place))
      from jsonb_array_elements(p_path) with ordinality as a (part, place));
  elsif jsonb_typeof(p_path) is distinct from 'string' then
    return 'null::text';
  end if;
  v_parts := string_to_array(p_path #>> '{}', '.');
  if tocsin_internal.column_type(p_table, v_parts[1]) is null then
    raise exception 'The table % has no column "%"', p_table, v_parts[1]
      using errcode = 'TC039', hint = 'Its columns are: ' || (
        select string_agg(quote_ident(attname), ', ' order by attnum)
        from pg_catalog.pg_attribute
        where attrelid = p_table and attnum > 0 and not attisdropped);
  end if;
  return format('%s.%I::%s', p_row, v_parts[1], case when cardinality(v_parts) = 1 then 'text'
    else format('jsonb #>> %L', v_parts[2 :]) end);
end
$$;

comment on function tocsin_internal.event_path(regclass, jsonb, text) is
  'SQL that reads a column (message), a place in a json column (payload.node.id), the first of '
  'several, or a number, as text. Raises TC039.';

create function tocsin_internal.filter_expression(p_table regclass, p_filter jsonb, p_row text)
returns text
language sql stable set search_path = ''
as $$
  select coalesce(string_agg(format('%s = any (%L)',
    tocsin_internal.event_path(p_table, to_jsonb(key), p_row), array(
      select * from jsonb_array_elements_text(
        case jsonb_typeof(value) when 'array' then value else jsonb_build_array(value) end))),
    ' and ' order by key), 'true')
  from jsonb_each(coalesce(p_filter, '{}'))
$$;

comment on function tocsin_internal.filter_expression(regclass, jsonb, text) is
  'SQL that says whether a row is an error: each key (a column, or a place in a json column) has '
  'the value, or one of the values.';

create function tocsin_internal.event_matches(p_filter jsonb, p_row jsonb) returns boolean
language sql immutable set search_path = ''
as $$
  select coalesce(bool_and(coalesce(
    case jsonb_typeof(value) when 'array' then value else jsonb_build_array(value) end
      ? (p_row #>> string_to_array(key, '.')), false)), true)
  from jsonb_each(coalesce(p_filter, '{}'))
$$;

comment on function tocsin_internal.event_matches(jsonb, jsonb) is
  'The same by name: for sessions older than an ALTER TABLE.';

create function tocsin_internal.generate_event_notice(p_source tocsin.error_sources) returns void
language plpgsql set search_path = ''
as $generator$
declare
  m constant jsonb := p_source.mapping;
  v_name constant text := 'notice_' || p_source.source_id;
begin
  execute format($template$
create or replace function tocsin_internal.%1$I() returns trigger
language plpgsql security definer set search_path = ''
as $capture$
declare
  v_row jsonb;
  v_event_id text;
  v_at timestamptz;
  v_problem text;
begin
  begin
    if not coalesce(%2$s, false) then
      return null;
    end if;
    v_event_id := new.%3$I::text;
    v_at := %4$s;
  exception when others then
    v_problem := sqlerrm;
  end;
  if v_problem is not null then
    -- this session was compiled before an ALTER TABLE: read the row by name
    begin
      v_row := to_jsonb(new);
      if not tocsin_internal.event_matches(%5$L, v_row) then
        return null;
      end if;
      v_event_id := v_row ->> %3$L;
      v_at := tocsin_internal.try_timestamp(v_row ->> %6$L);
      v_problem := case when v_event_id is null then 'the column "' || %3$L || '" is gone' end;
    exception when others then
      v_problem := sqlerrm;
    end;
  end if;
  if v_problem is null and to_regclass('tocsin_internal.reported_errors') is null then
    v_problem := 'the table tocsin_internal.reported_errors is missing';
  end if;
  if v_problem is not null then
    %7$s
    return null;
  end if;
  insert into tocsin_internal.reported_errors
    (is_seen, event_id, error_id, timestamp, origin, source, source_id)
  values (true, v_event_id, gen_random_uuid(), coalesce(v_at, clock_timestamp()), 'event', %8$L,
    %9$L);
  return null;
end
$capture$
$template$, v_name, tocsin_internal.filter_expression(p_source.event_table, m -> 'filter', 'new'),
    m ->> 'id', tocsin_internal.timestamp_expression(p_source.event_table, m ->> 'at', 'new'),
    coalesce(m -> 'filter', '{}'), m ->> 'at', tocsin_internal.warning_once(), m ->> 'source',
    p_source.source_id);
  perform tocsin_internal.seal_generated(v_name, format(
    'Trigger of %s: appends which event tells of an error. Generated; change it with '
    'watch_errors().', p_source.event_table));
end
$generator$;

comment on function tocsin_internal.generate_event_notice(tocsin.error_sources) is
  'Writes the trigger function of an events table from its mapping.';

create function tocsin_internal.generate_event_retelling(p_source tocsin.error_sources)
returns void
language plpgsql set search_path = ''
as $generator$
declare
  m constant jsonb := p_source.mapping;
  v_name constant text := 'retell_' || p_source.source_id;
  v_read jsonb := '{}';
  v_field text;
  v_joins text := '';
  v_workflow_name text := 'null::text';
begin
  for v_field in select field from tocsin_internal.error_fields() where field <> 'metadata' loop
    v_read := v_read || jsonb_build_object(v_field,
      tocsin_internal.event_path(p_source.event_table, m -> v_field, 'e'));
  end loop;
  v_read := v_read || jsonb_build_object('metadata', coalesce(
    (select format('to_jsonb(e.%I) #> %L', path[1], path[2 :])
     from string_to_array(m ->> 'metadata', '.') as path where path <> '{}'), 'null::jsonb'));
  if m ? 'runs' then
    v_joins := format(' left join %s r on r.%I = e.%I', (m #>> '{runs,table}')::regclass,
      m #>> '{runs,id}', m ->> 'run_id');
    for v_field in select unnest(array['project_id', 'workflow_id']) loop
      if m #> array['runs', v_field] is not null then
        v_read := v_read || jsonb_build_object(v_field, format('coalesce(%s, r.%I::text)',
          v_read ->> v_field, m #>> array['runs', v_field]));
      end if;
    end loop;
    if m ? 'workflow_names' and m #>> '{runs,workflow_id}' is not null then
      v_joins := v_joins || format(' left join %s w on w.%I = r.%I',
        (m #>> '{workflow_names,table}')::regclass, m #>> '{workflow_names,id}',
        m #>> '{runs,workflow_id}');
      v_workflow_name := format('w.%I::text', m #>> '{workflow_names,name}');
    end if;
  end if;

  execute format($template$
create or replace function tocsin_internal.%1$I(p_event_ids text[])
returns table (event_id text, run_id text, project_id text, workflow_id text, workflow_name text,
  node text, attempt text, is_last boolean, user_id text, component text, environment text,
  release text, error_type text, severity text, exception text, message text, stack text,
  metadata jsonb)
language sql stable set search_path = ''
as $retell$
  select e.%2$I::text, %3$s, %4$s, %5$s, %6$s, %7$s, %8$s,
    -- what is no number, or not there, counts as the last
    coalesce(substring(%8$s from '^\d{1,9}$')::numeric, 'infinity')
      >= coalesce(substring(%9$s from '^\d{1,9}$')::numeric, 0),
    %10$s, %11$s, %12$s, %13$s, %14$s, %15$s, %16$s, %17$s, %18$s, %19$s
  from %20$s e%21$s
  -- the parameter is cast, not the column: its index is used
  where e.%2$I = any (p_event_ids::%22$s[])
$retell$
$template$, v_name, m ->> 'id', v_read ->> 'run_id', v_read ->> 'project_id',
    v_read ->> 'workflow_id', v_workflow_name, v_read ->> 'node', v_read ->> 'attempt',
    v_read ->> 'max_attempts', v_read ->> 'user_id',
    v_read ->> 'component',
    v_read ->> 'environment', v_read ->> 'release', v_read ->> 'error_type', v_read ->> 'severity',
    v_read ->> 'exception', v_read ->> 'message', v_read ->> 'stack', v_read ->> 'metadata',
    p_source.event_table, v_joins,
    tocsin_internal.column_type(p_source.event_table, m ->> 'id'));
  execute format('revoke all on function tocsin_internal.%I(text[]) from public', v_name);
  execute format('comment on function tocsin_internal.%I(text[]) is %L', v_name,
    format('What %s says of errors. Generated.', p_source.event_table));
exception when syntax_error_or_access_rule_violation or invalid_text_representation then
  raise exception 'The columns of % and of the tables beside it cannot be read together: %',
    p_source.event_table, sqlerrm
    using errcode = 'TC039', hint = 'Ids that belong together need one type, and a path such as '
      'payload.error needs a column of json or jsonb.';
end
$generator$;

comment on function tocsin_internal.generate_event_retelling(tocsin.error_sources) is
  'Writes the look-up with which ingestion learns what an event says. Raises TC039.';

revoke all on all functions in schema tocsin_internal from public;
alter table tocsin.error_sources enable row level security;
create policy operators_see_sources on tocsin.error_sources
  for select to authenticated using ((select tocsin_internal.is_operator()));
revoke all on tocsin.error_sources from public, anon, authenticated, service_role;
grant select on tocsin.error_sources to authenticated, service_role;
