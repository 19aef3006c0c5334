-- Capture: the generator of the trigger function of each watched run table.
--
-- A generated trigger function runs inside the user's own transaction, so:
--   * it reads the row inside an exception block that writes nothing. A renamed or dropped column
--     becomes a warning. Reading needs no transaction id, so a bulk update cannot overflow the
--     subtransaction cache;
--   * it writes outside of that block, into run_outcomes, which cannot refuse a row; nothing is
--     written when that table is not there;
--   * its triggers have neither WHEN nor a column list, either of which would make the user's own
--     ALTER TABLE fail;
--   * it never touches a queue: the appended outcome is the failure, and roll_up() forwards it.
--
-- SECURITY DEFINER functions: the generated capture_<source_id>(), so that whoever may write a run
-- may append its outcome. It takes nothing from the caller but the row.

create function tocsin_internal.timestamp_expression(p_table regclass, p_column text, p_row text)
returns text
language sql stable set search_path = ''
as $$
  select case
    when t.type is null then 'null::timestamptz'
    when t.type like 'timestamp%with time zone' then c.ref
    when t.type like 'timestamp%' or t.type = 'date' then
      format('(%s::timestamp at time zone ''UTC'')', c.ref)
    when t.type ~ '^(smallint|integer|bigint|numeric|real|double)' then
      -- epochs are in seconds or, past the year 5138, in milliseconds
      format('to_timestamp(case when %1$s > 1e11 then %1$s / 1000.0 else %1$s end)', c.ref)
    else format('tocsin_internal.try_timestamp(%s::text)', c.ref)
  end
  from (select tocsin_internal.column_type(p_table, p_column)) as t (type),
    (select p_row || '.' || quote_ident(p_column)) as c (ref)
$$;

comment on function tocsin_internal.timestamp_expression(regclass, text, text) is
  'SQL that reads a column of p_row as timestamptz, whatever its type; times without a zone are '
  'UTC.';

create function tocsin_internal.text_expression(p_column text, p_row text) returns text
language sql immutable set search_path = ''
as $$ select coalesce(p_row || '.' || quote_ident(p_column) || '::text', 'null::text') $$;

comment on function tocsin_internal.text_expression(text, text) is
  'SQL that reads a column of p_row as text; null when there is no column.';

create function tocsin_internal.outcome_of(p_mapping jsonb, p_status text) returns text
language sql immutable set search_path = ''
as $$
  select outcome from unnest(array['succeeded', 'failed', 'canceled', 'timed_out']) as outcome
  where p_mapping -> outcome ? p_status limit 1
$$;

comment on function tocsin_internal.outcome_of(jsonb, text) is
  'The outcome that a status means in a mapping; null: the run is still open.';

create function tocsin_internal.status_cases(p_mapping jsonb) returns text
language sql immutable set search_path = ''
as $$
  select string_agg(format(' when %L then %L', status, outcome), '' order by outcome, status)
  from unnest(array['succeeded', 'failed', 'canceled', 'timed_out']) as outcome
  cross join lateral jsonb_array_elements_text(p_mapping -> outcome) as status
$$;

comment on function tocsin_internal.status_cases(jsonb) is
  'The branches of a CASE that makes the outcome of a status.';

create function tocsin_internal.status_map(p_mapping jsonb) returns jsonb
language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(status, outcome), '{}')
  from unnest(array['succeeded', 'failed', 'canceled', 'timed_out']) as outcome
  cross join lateral jsonb_array_elements_text(p_mapping -> outcome) as status
$$;

comment on function tocsin_internal.status_map(jsonb) is
  'What each status means, as {status: outcome}: looking there is quicker than a CASE.';

create function tocsin_internal.status_cast(p_table regclass, p_column text) returns text
language sql stable set search_path = ''
as $$
  -- with an empty search path, only types of the system and enums have an equality
  select case when t.typtype = 'e' or t.typnamespace = 'pg_catalog'::regnamespace then ''
    else '::text' end
  from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
  where a.attrelid = p_table and a.attname = p_column
$$;

comment on function tocsin_internal.status_cast(regclass, text) is
  'The cast with which two statuses can be compared: mostly none.';

-- The slow way, for a session whose compiled function no longer fits the table.
create function tocsin_internal.read_run(
  p_source_id text, p_old jsonb, p_new jsonb,
  out outcome text, out before text, out run_id text, out project_id text, out workflow_id text,
  out started_at timestamptz, out finished_at timestamptz, out project_before text,
  out workflow_before text, out started_before timestamptz, out finished_before timestamptz
) returns record
language plpgsql stable set search_path = ''
as $$
declare
  v_mapping jsonb;
begin
  select mapping into strict v_mapping from tocsin.run_sources s where s.source_id = p_source_id;
  if not p_new ? (v_mapping ->> 'status') or not p_new ? (v_mapping ->> 'run_id') then
    raise exception 'the column "%" is gone', v_mapping ->> case
      when p_new ? (v_mapping ->> 'status') then 'run_id' else 'status' end;
  end if;
  outcome := tocsin_internal.outcome_of(v_mapping, p_new ->> (v_mapping ->> 'status'));
  before := tocsin_internal.outcome_of(v_mapping, p_old ->> (v_mapping ->> 'status'));
  run_id := p_new ->> (v_mapping ->> 'run_id');
  project_id := p_new ->> (v_mapping ->> 'project_id');
  workflow_id := p_new ->> (v_mapping ->> 'workflow_id');
  started_at := tocsin_internal.try_timestamp(p_new ->> (v_mapping ->> 'started_at'));
  finished_at := tocsin_internal.try_timestamp(p_new ->> (v_mapping ->> 'finished_at'));
  project_before := p_old ->> (v_mapping ->> 'project_id');
  workflow_before := p_old ->> (v_mapping ->> 'workflow_id');
  started_before := tocsin_internal.try_timestamp(p_old ->> (v_mapping ->> 'started_at'));
  finished_before := tocsin_internal.try_timestamp(p_old ->> (v_mapping ->> 'finished_at'));
end
$$;

comment on function tocsin_internal.read_run(text, jsonb, jsonb) is
  'Reads a run by name instead of by compiled column: used when the compiled read failed, as it '
  'does '
  'in sessions older than an ALTER TABLE. Raises when the status or the id is gone.';

create function tocsin_internal.try_timestamp(p_text text) returns timestamptz
language plpgsql stable set search_path = '' set timezone = 'UTC' set datestyle = 'ISO, MDY'
as $$
begin
  if p_text ~ '^\d+(\.\d+)?$' then
    return to_timestamp(case when p_text::numeric > 1e11 then p_text::numeric / 1000
                             else p_text::numeric end);
  end if;
  return p_text::timestamptz;
exception when data_exception then
  return null;
end
$$;

comment on function tocsin_internal.try_timestamp(text) is
  'A time from text: ISO, or an epoch in seconds or milliseconds; null when it is neither.';

create function tocsin_internal.same_place_expression(p_mapping jsonb) returns text
language sql immutable set search_path = ''
as $$
  select coalesce('(' || string_agg(format('new.%1$I::text is not distinct from old.%1$I::text',
    p_mapping ->> field), ' and ') || ')', 'true')
  from unnest(array['project_id', 'workflow_id', 'started_at', 'finished_at']) as field
  where p_mapping ->> field is not null
$$;

comment on function tocsin_internal.same_place_expression(jsonb) is
  'SQL that says whether old and new count at the same place: project, workflow and times.';

create function tocsin_internal.warning_once() returns text
language sql immutable set search_path = ''
as $$
  -- one warning a transaction: a bulk update must not send one for each row
  select $warning$if current_setting('tocsin.has_warned', true) is distinct from 'yes' then
      perform set_config('tocsin.has_warned', 'yes', true);
      raise warning 'Tocsin could not record a run of %: %', tg_relid::regclass, v_problem
        using hint = 'Your own statement is not affected. See: select * from tocsin.doctor();';
    end if;$warning$
$$;

comment on function tocsin_internal.warning_once() is
  'The part of a generated trigger function that says what it could not do.';

create function tocsin_internal.name_of_capture(p_source_id text, p_kind text) returns text
language sql immutable set search_path = ''
as $$
  -- Two words, so that a source called a_events is not the events of a source called a. No other
  -- function of Tocsin begins with capture_, signal_ or describe_.
  select case p_kind when 'runs' then 'capture_' || p_source_id
                     else format('signal_%s_%s', p_source_id, p_kind) end
$$;

comment on function tocsin_internal.name_of_capture(text, text) is
  'The name of the trigger function of a source''s runs, events or jobs.';

-- Generators --------------------------------------------------------------------------------------

create function tocsin_internal.generate_run_capture(p_source tocsin.run_sources) returns void
language plpgsql set search_path = ''
as $generator$
declare
  m constant jsonb := p_source.mapping;
  v_name constant text := tocsin_internal.name_of_capture(p_source.source_id, 'runs');
begin
  execute format($template$
create or replace function tocsin_internal.%1$I() returns trigger
language plpgsql security definer set search_path = ''
as $capture$
declare
  v_outcome text;
  v_before text;
  v_is_move boolean;
  v_run_id text;
  v_project_id text;
  v_workflow_id text;
  v_started_at timestamptz;
  v_finished_at timestamptz;
  v_project_before text;
  v_workflow_before text;
  v_started_before timestamptz;
  v_finished_before timestamptz;
  v_problem text;
begin
  begin
    -- Most updates end no run: the first comparison lets them go. In an INSERT, old is null.
    if new.%2$I%17$s = old.%2$I%17$s
      and (%3$L::jsonb ->> new.%2$I::text is null or %16$s)
    then
      return null;
    end if;
    v_outcome := %3$L::jsonb ->> new.%2$I::text;
    v_before := %3$L::jsonb ->> old.%2$I::text;
    -- the literal costs nothing, and raises here when the table is gone
    if v_outcome is not distinct from v_before
      or 'tocsin_internal.run_outcomes'::regclass is null
    then
      if v_outcome is null or %16$s then
        return null;
      end if;
      v_is_move := true;
    end if;
    v_run_id := %5$s;
    v_project_id := %6$s;
    v_workflow_id := %7$s;
    v_started_at := %8$s;
    v_finished_at := %9$s;
    if v_before is not null then
      -- what is taken back is taken from where it was counted
      v_project_before := %13$s;
      v_workflow_before := %14$s;
      v_started_before := %15$s;
      v_finished_before := %4$s;
    end if;
  exception when others then
    -- this session was compiled before an ALTER TABLE: read the row by name
    begin
      select r.outcome, r.before, r.run_id, r.project_id, r.workflow_id, r.started_at,
        r.finished_at, r.project_before, r.workflow_before, r.started_before, r.finished_before
      into v_outcome, v_before, v_run_id, v_project_id, v_workflow_id, v_started_at,
        v_finished_at, v_project_before, v_workflow_before, v_started_before, v_finished_before
      from tocsin_internal.read_run(%10$L,
        case tg_op when 'UPDATE' then to_jsonb(old) end, to_jsonb(new)) as r;
    exception when others then
      v_problem := sqlerrm;
    end;
    v_is_move := null;
    if v_problem is null and v_outcome is not distinct from v_before then
      if v_outcome is null or (v_project_id, v_workflow_id, v_started_at, v_finished_at)
        is not distinct from
        (v_project_before, v_workflow_before, v_started_before, v_finished_before)
      then
        return null;
      end if;
      v_is_move := true;
    end if;
    if v_problem is null and to_regclass('tocsin_internal.run_outcomes') is null then
      v_problem := 'the table tocsin_internal.run_outcomes is missing';
    end if;
    if v_problem is not null then
      %11$s
      return null;
    end if;
  end;

  if v_before is not null then
    insert into tocsin_internal.run_outcomes
      (source_id, run_id, project_id, workflow_id, outcome, sign, signal, is_move, started_at,
       finished_at)
    values (%10$L, v_run_id, v_project_before, v_workflow_before, v_before, -1, %12$L, v_is_move,
      v_started_before, v_finished_before);
  end if;
  if v_outcome is not null then
    insert into tocsin_internal.run_outcomes
      (source_id, run_id, project_id, workflow_id, outcome, sign, signal, is_move, started_at,
       finished_at)
    values (%10$L, v_run_id, v_project_id, v_workflow_id, v_outcome, 1, %12$L, v_is_move,
      v_started_at, v_finished_at);
  end if;
  return null;
end
$capture$
$template$,
    v_name, m ->> 'status', tocsin_internal.status_map(m),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'finished_at', 'old'),
    tocsin_internal.text_expression(m ->> 'run_id', 'new'),
    tocsin_internal.text_expression(m ->> 'project_id', 'new'),
    tocsin_internal.text_expression(m ->> 'workflow_id', 'new'),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'started_at', 'new'),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'finished_at', 'new'),
    p_source.source_id, tocsin_internal.warning_once(),
    case when m ? 'events' or m ? 'jobs' then 'status' end,
    tocsin_internal.text_expression(m ->> 'project_id', 'old'),
    tocsin_internal.text_expression(m ->> 'workflow_id', 'old'),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'started_at', 'old'),
    tocsin_internal.same_place_expression(m),
    tocsin_internal.status_cast(p_source.run_table, m ->> 'status'));

  perform tocsin_internal.seal_generated(v_name,
    format('Trigger of %s: appends the outcome of a run. Generated; change it with watch_runs().',
      p_source.run_table));
end
$generator$;

comment on function tocsin_internal.generate_run_capture(tocsin.run_sources) is
  'Writes the trigger function of a run table from its mapping.';

create function tocsin_internal.seal_generated(p_name text, p_comment text) returns void
language plpgsql set search_path = ''
as $$
begin
  execute format('revoke all on function tocsin_internal.%I() from public', p_name);
  execute format('comment on function tocsin_internal.%I() is %L', p_name, p_comment);
end
$$;

comment on function tocsin_internal.seal_generated(text, text) is
  'Gives a generated trigger function its comment, and nobody the right to call it.';

revoke all on all functions in schema tocsin_internal from public;
