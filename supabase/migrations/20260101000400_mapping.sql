-- Mapping: how watch_runs() finds out which column is what and which status means what.
--
-- A mapping is a jsonb of resolved facts that the generators of the next files turn into static
-- code. It comes from, in this order: the options given, the preset, common names. Its keys:
--   run_id, project_id, workflow_id, status, started_at, finished_at, error, node
--                                               columns, or null
--   succeeded, failed, canceled, timed_out      arrays of status values, as text
--   idle                                        statuses of open runs that wait: paused, queued
--   stuck_after                                 how long a run may run; null: as long as it likes
--   run_url_template, environment               https://…/{{run_id}}; what all runs are in
--   workflow_names, project_names               {table, id, name}: where a name stands
--   members_function, members_role              the host's own membership function
--   events                                      {table, run_id, type, at, payload,
--                                                failed_type, max_attempts}
--   jobs                                        {table, run_id, failed_at, dead_at, error,
--                                                says: the error where there is none}
--   steps                                       {table, run_id, node, error, failed_at, stalled_at,
--                                                attempt}: where a failed run's node and error
--                                                stand
--
-- Errors: TC003, TC004, TC006, TC007 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.watch_presets() returns table (preset text, options jsonb)
language sql immutable set search_path = ''
as $$
  values ('meshhook', '{
    "source_id": "workflow_runs",
    "run_id": "id", "project_id": "project_id", "workflow_id": "workflow_id",
    "status": "status", "started_at": "started_at", "finished_at": "finished_at",
    "error": null, "node": null,
    "succeeded": ["succeeded"], "failed": ["failed"], "canceled": ["canceled"], "timed_out": [],
    "idle": ["paused"], "stuck_after": "1 hour",
    "workflow_names": {"table": "public.workflow_definitions", "id": "id", "name": "slug"},
    "project_names": {"table": "public.projects", "id": "id", "name": "name"},
    "members_function": "public.user_project_ids", "members_role": "admin",
    "events": {"table": "public.workflow_events", "run_id": "run_id", "type": "type", "at": "ts",
               "payload": "payload", "failed_type": "step_failed", "max_attempts": 5},
    "jobs": {"table": "public.job_tracking", "run_id": "run_id", "failed_at": "failed_at",
             "dead_at": "moved_to_dlq_at", "error": "error_message"}
  }'::jsonb),
  -- A failed step fails its run, in its status. A task whose workers died too often is given up
  -- without: its run stays as it is, for good.
  ('pgflow', '{
    "source_id": "pgflow",
    "run_id": "run_id", "project_id": null, "workflow_id": "flow_slug",
    "status": "status", "started_at": "started_at", "finished_at": "completed_at",
    "error": null, "node": null,
    "succeeded": ["completed"], "failed": ["failed"], "canceled": [], "timed_out": [],
    "steps": {"table": "pgflow.step_tasks", "run_id": "run_id", "node": "step_slug",
              "error": "error_message", "failed_at": "failed_at",
              "stalled_at": "permanently_stalled_at", "attempt": "attempts_count"},
    "jobs": {"table": "pgflow.step_tasks", "run_id": "run_id",
             "failed_at": "permanently_stalled_at", "dead_at": "permanently_stalled_at",
             "error": "error_message",
             "says": "The task is stalled for good: its workers stopped without a word, too often."}
  }'::jsonb),
  -- A job is retried by itself; failed is what has no attempt left, or took too long on its last.
  ('pgboss', '{
    "source_id": "pgboss",
    "run_id": "id", "project_id": null, "workflow_id": "name",
    "status": "state", "started_at": "started_on", "finished_at": "completed_on",
    "error": "output", "node": null,
    "succeeded": ["completed"], "failed": ["failed"], "canceled": ["cancelled"], "timed_out": [],
    "idle": ["created", "retry"]
  }'::jsonb)
$$;

comment on function tocsin_internal.watch_presets() is
  'The presets of watch_runs(): mappings of engines that we know. What the host lacks is left out.';

create function tocsin_internal.common_names() returns table (field text, names text[])
language sql immutable set search_path = ''
as $$
  values
    ('run_id', array['run_id', 'id', 'job_id', 'uuid']),
    ('project_id', array['project_id', 'tenant_id', 'organization_id', 'org_id', 'workspace_id',
                         'team_id', 'account_id']),
    ('workflow_id', array['workflow_id', 'flow_id', 'flow_slug', 'pipeline_id', 'workflow',
                          'pipeline', 'job_name', 'task_name', 'job_type', 'task', 'kind', 'name']),
    ('status', array['status', 'state', 'run_status', 'job_status', 'result', 'outcome']),
    ('started_at', array['started_at', 'start_time', 'started', 'started_on', 'created_at',
                         'created_on', 'inserted_at']),
    ('finished_at', array['finished_at', 'completed_at', 'ended_at', 'end_time', 'finished',
                          'completed_on', 'finished_on']),
    ('error', array['error_message', 'error', 'last_error', 'failure_reason', 'error_text',
                    'error_details', 'return_message']),
    ('node', array['failed_node', 'failed_step', 'node_id', 'step_slug', 'node', 'step']),
    ('succeeded', array['succeeded', 'success', 'successful', 'completed', 'complete', 'done',
                        'finished', 'ok', 'passed']),
    ('failed', array['failed', 'failure', 'error', 'errored', 'crashed', 'dead', 'discarded',
                     'failing']),
    ('canceled', array['canceled', 'cancelled', 'aborted', 'skipped']),
    ('timed_out', array['timed_out', 'timeout', 'timedout', 'expired']),
    ('idle', array['paused', 'suspended', 'on_hold', 'waiting', 'sleeping', 'blocked', 'queued',
                   'pending', 'scheduled', 'created', 'new', 'draft', 'available', 'retryable'])
$$;

comment on function tocsin_internal.common_names() is
  'What people commonly call the columns of a run table, and its final statuses; best name first.';

create function tocsin_internal.column_type(p_table regclass, p_column text) returns text
language sql stable set search_path = ''
as $$
  select format_type(atttypid, atttypmod) from pg_catalog.pg_attribute
  where attrelid = p_table and attname = p_column and attnum > 0 and not attisdropped
$$;

comment on function tocsin_internal.column_type(regclass, text) is
  'The type of a column, ready to stand in SQL; null when there is no such column.';

create function tocsin_internal.possible_statuses(p_table regclass, p_column text) returns text[]
language sql stable set search_path = ''
as $$
  select coalesce(
    -- an enum says them all
    (select array_agg(e.enumlabel::text order by e.enumsortorder)
     from pg_catalog.pg_attribute a
     join pg_catalog.pg_enum e on e.enumtypid = a.atttypid
     where a.attrelid = p_table and a.attname = p_column),
    -- a boolean has two
    (select array['true', 'false'] from pg_catalog.pg_attribute a
     where a.attrelid = p_table and a.attname = p_column
       and a.atttypid = 'pg_catalog.bool'::regtype),
    -- a check on this column alone that does nothing but list them
    (select array_agg(distinct m.match[1])
     from pg_catalog.pg_constraint c
     join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
     cross join lateral
       regexp_matches(pg_catalog.pg_get_constraintdef(c.oid), '''([^'']+)''', 'g') as m (match)
     where c.conrelid = p_table and c.contype = 'c' and a.attname = p_column
       and pg_catalog.pg_get_constraintdef(c.oid) !~* '[~<>]|\m(not|like|similar|and)\M')
  )
$$;

comment on function tocsin_internal.possible_statuses(regclass, text) is
  'The values that the column''s enum, type or check allows; null when anything is allowed.';

create function tocsin_internal.is_a_limit(p_value jsonb) returns boolean
language plpgsql stable set search_path = ''
as $$
begin
  return p_value is null or jsonb_typeof(p_value) = 'string'
    and (p_value #>> '{}')::interval between interval '1 minute' and interval '30 days';
exception when data_exception then
  return false;
end
$$;

comment on function tocsin_internal.is_a_limit(jsonb) is
  'Whether a value can say how long a run may run; one that is not there can.';

create function tocsin_internal.merge_options(p_table regclass, p_preset text, p_options jsonb)
returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_known constant text[] := array['source_id', 'run_id', 'project_id', 'workflow_id', 'status',
    'started_at', 'finished_at', 'error', 'node', 'succeeded', 'failed', 'canceled', 'timed_out',
    'idle', 'stuck_after', 'run_url_template', 'environment', 'workflow_names',
    'project_names', 'members_function', 'members_role', 'events', 'jobs', 'steps'];
  v_preset jsonb := '{}';
  v_merged jsonb;
  v_unknown text;
begin
  if jsonb_typeof(coalesce(p_options, '{}')) <> 'object' then
    raise exception 'The options of watch_runs() are not an object but %', p_options
      using errcode = 'TC006', hint = 'Pass for example: p_options => ''{"status": "state"}''';
  end if;

  select key into v_unknown from jsonb_object_keys(coalesce(p_options, '{}')) as key
  where key <> all (v_known) limit 1;
  if v_unknown is not null then
    raise exception 'watch_runs() knows no option "%"', v_unknown
      using errcode = 'TC006', hint = 'Its options are: ' || array_to_string(v_known, ', ');
  end if;

  if p_preset is not null then
    select options into v_preset from tocsin_internal.watch_presets() where preset = p_preset;
    if v_preset is null then
      raise exception 'watch_runs() knows no preset "%"', p_preset
        using errcode = 'TC007', hint = format('Its presets are: %s. Without a preset the columns '
          'are found by their common names, or given as options.',
          (select string_agg(preset, ', ') from tocsin_internal.watch_presets()));
    end if;
    -- a preset leaves out what this host does not have
    v_preset := v_preset - array(
      select key
      from unnest(array['events', 'jobs', 'steps', 'workflow_names', 'project_names']) as key
      where to_regclass(v_preset #>> array[key, 'table']) is null);
    -- pgflow gives tasks up since 0.13
    if p_preset = 'pgflow' and tocsin_internal.column_type(
      to_regclass(v_preset #>> '{steps,table}'), v_preset #>> '{steps,stalled_at}') is null
    then
      v_preset := (v_preset - 'jobs') #- '{steps,stalled_at}';
    end if;
    if to_regproc(v_preset ->> 'members_function') is null then
      v_preset := v_preset - 'members_function' - 'members_role';
    end if;
  end if;

  v_merged := v_preset || coalesce(p_options, '{}');
  -- null is how to do without a part of a preset
  v_merged := v_merged - array(
    select key from unnest(array['workflow_names', 'project_names', 'members_function',
      'members_role', 'events', 'jobs', 'steps', 'run_url_template', 'environment',
      'stuck_after']) as key
    where v_merged -> key = 'null');
  if to_regproc(v_merged ->> 'members_function') is null and v_merged ? 'members_function' then
    raise exception 'There is no function %, or there are several', v_merged ->> 'members_function'
      using errcode = 'TC006', hint = 'Name it with its schema: public.your_project_ids';
  end if;
  if not tocsin_internal.is_a_limit(v_merged -> 'stuck_after') then
    raise exception 'The option stuck_after cannot be %', v_merged -> 'stuck_after'
      using errcode = 'TC006', hint = 'It is a span of time in quotes, from "1 minute" to '
        '"30 days", or null: runs may run as long as they like.';
  end if;
  if v_merged ->> 'members_role' <> all (enum_range(null::tocsin.member_role)::text[]) then
    raise exception 'The option members_role cannot be "%"', v_merged ->> 'members_role'
      using errcode = 'TC006', hint = 'It can be viewer, editor or admin.';
  end if;
  return v_merged;
end
$$;

comment on function tocsin_internal.merge_options(regclass, text, jsonb) is
  'The preset''s options under the given ones. Raises TC006 (option) or TC007 (preset).';

create function tocsin_internal.map_columns(p_table regclass, p_options jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_field text;
  v_column text;
  v_mapping jsonb := '{}';
begin
  foreach v_field in array array['run_id', 'project_id', 'workflow_id', 'status', 'started_at',
                                 'finished_at', 'error', 'node'] loop
    if p_options ? v_field then
      v_column := p_options ->> v_field;
      if v_column is not null and tocsin_internal.column_type(p_table, v_column) is null then
        raise exception 'The table % has no column "%" (option %)', p_table, v_column, v_field
          using errcode = 'TC003', hint = 'Its columns are: ' || (
            select string_agg(quote_ident(attname), ', ' order by attnum)
            from pg_catalog.pg_attribute
            where attrelid = p_table and attnum > 0 and not attisdropped);
      end if;
    else
      select c.name into v_column
      from tocsin_internal.common_names() n
      cross join unnest(n.names) with ordinality as c (name, rank)
      where n.field = v_field and tocsin_internal.column_type(p_table, c.name) ~
        -- a flag called finished is no time
        case when v_field in ('started_at', 'finished_at') then
          '^(timestamp|date|bigint|integer|numeric|double|text|character)' else '' end
      order by c.rank limit 1;
    end if;
    v_mapping := v_mapping || jsonb_build_object(v_field, v_column);
  end loop;

  if v_mapping ->> 'run_id' is null then
    -- nothing has a common name: a primary key of one column will do
    select a.attname into v_column
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = p_table and i.indisprimary and i.indnkeyatts = 1;
    v_mapping := v_mapping || jsonb_build_object('run_id', v_column);
  end if;

  foreach v_field in array array['run_id', 'status'] loop
    if v_mapping ->> v_field is null then
      raise exception 'No column of % could be taken for the %', p_table,
        case v_field when 'run_id' then 'run''s id' else 'run''s status' end
        using errcode = 'TC003', hint = format(
          'Name it: select tocsin.watch_runs(%L, p_options => ''{"%s": "your_column"}'');',
          p_table, v_field);
    end if;
  end loop;

  return v_mapping;
end
$$;

comment on function tocsin_internal.map_columns(regclass, jsonb) is
  'Which column is what: by option, else by common name. Raises TC003.';

create function tocsin_internal.map_statuses(p_table regclass, p_status text, p_options jsonb)
returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_possible text[] := tocsin_internal.possible_statuses(p_table, p_status);
  v_outcome text;
  v_values text[];
  v_mapping jsonb := '{}';
  v_twice text;
  v_is_text constant boolean :=
    tocsin_internal.column_type(p_table, p_status) ~ '^(text|character|citext|name)';
begin
  foreach v_outcome in array array['succeeded', 'failed', 'canceled', 'timed_out', 'idle'] loop
    if p_options ? v_outcome then
      if jsonb_typeof(p_options -> v_outcome) <> 'array' then
        raise exception 'The option "%" is not a list of statuses but %', v_outcome,
          p_options -> v_outcome
          using errcode = 'TC004', hint = format('Pass for example: {"%s": ["done"]}', v_outcome);
      end if;
      select array_agg(value) into v_values
      from jsonb_array_elements_text(p_options -> v_outcome) as value;
      if v_possible is not null and not v_values <@ v_possible then
        raise exception 'The column %.% can never hold the status "%"', p_table, p_status,
          (select value from unnest(v_values) as value where value <> all (v_possible) limit 1)
          using errcode = 'TC004', hint = 'It allows: ' || array_to_string(v_possible, ', ');
      end if;
    elsif v_possible is not null then
      select array_agg(value) into v_values
      from unnest(v_possible) as value
      join tocsin_internal.common_names() n on n.field = v_outcome
      where lower(value) = any (n.names);
    elsif v_is_text then
      select array_agg(spelling order by spelling) into v_values
      from tocsin_internal.common_names() n
      cross join unnest(n.names) as name
      cross join lateral (values (name), (upper(name)), (initcap(name))) as s (spelling)
      where n.field = v_outcome
        and not exists (
          select from jsonb_each(p_options) as o
          where o.key in ('succeeded', 'failed', 'canceled', 'timed_out', 'idle')
            and jsonb_typeof(o.value) = 'array' and o.value ? spelling
        );
    else
      v_values := null;
    end if;
    v_mapping := v_mapping || jsonb_build_object(v_outcome, coalesce(to_jsonb(v_values), '[]'));
  end loop;

  if jsonb_array_length(v_mapping -> 'failed') = 0
    or jsonb_array_length(v_mapping -> 'succeeded') = 0
  then
    raise exception 'Cannot tell which values of %.% mean that a run succeeded or failed', p_table,
      p_status
      using errcode = 'TC004',
        detail = coalesce('It allows: ' || array_to_string(v_possible, ', '),
          'Its type says nothing about its values.'),
        hint = format('Say it: select tocsin.watch_runs(%L, p_options => '
          '''{"succeeded": ["…"], "failed": ["…"]}'');', p_table);
  end if;

  select status into v_twice
  from jsonb_each(v_mapping) as outcome
  cross join lateral jsonb_array_elements_text(outcome.value) as status
  group by status having count(*) > 1 limit 1;
  if v_twice is not null then
    raise exception 'The status "%" of % is given two meanings', v_twice, p_table
      using errcode = 'TC004', hint = 'Name it in one of succeeded, failed, canceled, timed_out, '
        'idle.';
  end if;

  return v_mapping;
end
$$;

comment on function tocsin_internal.map_statuses(regclass, text, jsonb) is
  'Which status means which outcome: by option, else by common word among the values that the '
  'column allows; and which that an open run is idle. With any other it runs. Raises TC004.';

revoke all on all functions in schema tocsin_internal from public;
