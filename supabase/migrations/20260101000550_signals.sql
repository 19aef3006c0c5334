-- Signals: the generators of the trigger functions of the tables beside a run table, where engines
-- write failures that the run's own status does not tell. The rules are those of the capture.
--
-- A run whose status says how it ended counts as that. A failure told of it afterwards, as when it
-- is replayed in place, is told and not counted: it is appended with sign 0.
--
-- SECURITY DEFINER functions: the generated signal_<source_id>_(events|jobs)(), so that whoever may
-- write an event may append the failure. They take nothing from the caller but the row.

create function tocsin_internal.generate_signal_capture(
  p_source tocsin.run_sources, p_kind text, p_is_candidate text, p_read text
) returns void
language plpgsql set search_path = ''
as $generator$
declare
  m constant jsonb := p_source.mapping;
  v_name constant text := tocsin_internal.name_of_capture(p_source.source_id, p_kind);
begin
  execute format($template$
create or replace function tocsin_internal.%1$I() returns trigger
language plpgsql security definer set search_path = ''
as $capture$
declare
  v_row jsonb;
  v_before jsonb;
  v_run_id text;
  v_project_id text;
  v_workflow_id text;
  v_started_at timestamptz;
  v_failed_at timestamptz;
  v_status_says text;
  v_problem text;
begin
  -- compiled, for the many rows that tell of no failure; if the table changed, ask the slow way
  begin
    if not (%2$s) then
      return null;
    end if;
  exception when others then
    v_row := null;
  end;

  begin
    v_row := to_jsonb(new);
    v_before := case tg_op when 'UPDATE' then to_jsonb(old) end;
    %3$s
    if v_run_id is null then
      return null;
    end if;
  exception when others then
    v_problem := sqlerrm;
  end;

  if v_problem is null then
    begin
      -- whose run it is; without an answer ingestion asks again
      select %7$s, %8$s, %9$s, case r.%13$I::text%14$s end
      into v_project_id, v_workflow_id, v_started_at, v_status_says
      from %10$s r where r.%11$I = v_run_id::%12$s;
    exception when others then
      v_project_id := null;
    end;
    if v_status_says in ('failed', 'timed_out') then
      return null;
    end if;
  end if;
  if v_problem is null and to_regclass('tocsin_internal.run_outcomes') is null then
    v_problem := 'the table tocsin_internal.run_outcomes is missing';
  end if;
  if v_problem is not null then
    %6$s
    return null;
  end if;
  insert into tocsin_internal.run_outcomes
    (source_id, run_id, project_id, workflow_id, outcome, sign, signal, started_at, finished_at)
  -- a run that ended otherwise counts as its status says; the failure is told all the same
  values (%4$L, v_run_id, v_project_id, v_workflow_id, 'failed',
    case when v_status_says is null then 1 else 0 end, %5$L, v_started_at, v_failed_at);
  return null;
end
$capture$
$template$, v_name, p_is_candidate, p_read, p_source.source_id, rtrim(p_kind, 's'),
    tocsin_internal.warning_once(),
    tocsin_internal.text_expression(m ->> 'project_id', 'r'),
    tocsin_internal.text_expression(m ->> 'workflow_id', 'r'),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'started_at', 'r'),
    p_source.run_table, m ->> 'run_id',
    tocsin_internal.column_type(p_source.run_table, m ->> 'run_id'),
    m ->> 'status', tocsin_internal.status_cases(m));

  perform tocsin_internal.seal_generated(v_name, format(
    'Trigger of the %s of %s: appends a failure that its status does not tell. Generated.',
    p_kind, p_source.run_table));
end
$generator$;

comment on function tocsin_internal.generate_signal_capture(tocsin.run_sources, text, text, text) is
  'Writes the trigger function of a table that can tell of a failure: p_is_candidate is SQL over '
  'new and old, p_read is plpgsql that sets v_run_id and v_failed_at from v_row.';

create function tocsin_internal.generate_event_capture(p_source tocsin.run_sources) returns void
language sql set search_path = ''
as $$
  select tocsin_internal.generate_signal_capture(p_source, 'events',
    format('new.%I::text = %L', e ->> 'type', e ->> 'failed_type'),
    -- An attempt that is not the last raises nothing: the engine tries again by itself.
    format($read$if v_row ->> %1$L = %2$L
        -- what is no number, or not there, counts as the last
        and coalesce(substring(v_row -> %3$L ->> 'attempt' from '^\d{1,9}$')::numeric, 'infinity')
          >= coalesce(substring(v_row -> %3$L ->> 'max_attempts' from '^\d{1,9}$')::numeric, %4$L)
      then
        v_run_id := v_row ->> %5$L;
        v_failed_at := tocsin_internal.try_timestamp(v_row ->> %6$L);
      end if;$read$,
      e ->> 'type', e ->> 'failed_type', e ->> 'payload',
      -- where neither the event nor the options say how many there are, each is the last
      coalesce(e ->> 'max_attempts', '0'), e ->> 'run_id',
      e ->> 'at'))
  from (select p_source.mapping -> 'events') as mapped (e)
$$;

comment on function tocsin_internal.generate_event_capture(tocsin.run_sources) is
  'Writes the trigger function of an events table: an event that exhausts the attempts is a '
  'failure.';

create function tocsin_internal.generate_job_capture(p_source tocsin.run_sources) returns void
language sql set search_path = ''
as $$
  select tocsin_internal.generate_signal_capture(p_source, 'jobs',
    format('new.%I is not null or new.%I is not null', j ->> 'failed_at', j ->> 'dead_at'),
    format($read$if coalesce(v_row ->> %1$L, v_row ->> %2$L) is not null
        and coalesce(v_before ->> %1$L, v_before ->> %2$L) is null
      then
        v_run_id := v_row ->> %3$L;
        v_failed_at := tocsin_internal.try_timestamp(coalesce(v_row ->> %1$L, v_row ->> %2$L));
      end if;$read$, j ->> 'failed_at', j ->> 'dead_at', j ->> 'run_id'))
  from (select p_source.mapping -> 'jobs') as mapped (j)
$$;

comment on function tocsin_internal.generate_job_capture(tocsin.run_sources) is
  'Writes the trigger function of a jobs table: failed for good, or moved to the dead letters.';

revoke all on all functions in schema tocsin_internal from public;
