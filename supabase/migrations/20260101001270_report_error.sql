-- Reporting an error: one, in SQL.
--
-- It may be called in anybody's transaction, so it appends a row to a queue and does no more; it
-- never fails the caller: what goes wrong is a warning, and the answer null. Texts are redacted
-- before they are written anywhere.
--
-- SECURITY DEFINER functions:
--   tocsin.report_error(…)  appends to the queue, for service_role

create function tocsin_internal.clean_report(p_error tocsin_internal.reported_errors)
returns tocsin_internal.reported_errors
language plpgsql set search_path = ''
as $$
declare
  v_error tocsin_internal.reported_errors := p_error;
  v_now constant timestamptz := clock_timestamp();
begin
  if v_error.message ~ '^\s*\{|\n' then
    v_error := tocsin_internal.unwrap_error(v_error);
  end if;
  v_error := tocsin_internal.redact_report(v_error);
  -- a clock that is off by more than a day ahead, or a month behind, tells nothing
  if v_error.timestamp > v_now + interval '1 day' or v_error.timestamp < v_now - interval '30 days'
  then
    v_error.metadata := coalesce(v_error.metadata, '{}')
      || jsonb_build_object('reported_timestamp', v_error.timestamp);
    v_error.timestamp := null;
  end if;
  v_error.timestamp := coalesce(v_error.timestamp, v_now);
  v_error.error_id := coalesce(v_error.error_id, gen_random_uuid());
  v_error.project_id := left(coalesce(v_error.project_id, ''), 200);
  v_error.workflow_id := left(v_error.workflow_id, 200);
  v_error.run_id := left(v_error.run_id, 500);
  v_error.sqlstate := left(v_error.sqlstate, 10);
  return v_error;
end
$$;

comment on function tocsin_internal.clean_report(tocsin_internal.reported_errors) is
  'A reported error as it may be written: redacted, within its bounds, with an id and a time.';

create function tocsin_internal.append_report(p_error tocsin_internal.reported_errors) returns void
language plpgsql set search_path = ''
as $$
begin
  insert into tocsin_internal.reported_errors (is_seen, is_redacted, error_id, timestamp, origin,
    source, error_type, severity, project_id, workflow_id, workflow_name, run_id, node, attempt,
    user_id, component, environment, release, exception, sqlstate, http_status, message, stack,
    metadata)
  values (p_error.is_seen, p_error.is_redacted, p_error.error_id, p_error.timestamp,
    coalesce(p_error.origin, 'report'),
    p_error.source, p_error.error_type, p_error.severity, p_error.project_id, p_error.workflow_id,
    p_error.workflow_name, p_error.run_id, p_error.node, p_error.attempt, p_error.user_id,
    p_error.component, p_error.environment, p_error.release, p_error.exception, p_error.sqlstate,
    p_error.http_status, p_error.message, p_error.stack, p_error.metadata);
end
$$;

comment on function tocsin_internal.append_report(tocsin_internal.reported_errors) is
  'Appends a cleaned report to the queue.';

create function tocsin.report_error(
  p_error_type text, p_message text, p_source text default 'system', p_metadata jsonb default '{}',
  p_severity text default null, p_project_id text default '', p_workflow_id text default null,
  p_run_id text default null, p_node text default null, p_user_id text default null,
  p_component text default null, p_environment text default null, p_release text default null,
  p_exception text default null, p_sqlstate text default null, p_http_status int default null,
  p_stack text default null, p_timestamp timestamptz default null, p_error_id uuid default null
) returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
  v_error tocsin_internal.reported_errors;
begin
  -- What could fail is guarded and writes nothing, the write is not: a guard around it would be a
  -- subtransaction, and a trigger may call this for each of ten thousand rows.
  begin
    v_error.is_seen := false;
    v_error.error_id := p_error_id;
    v_error.timestamp := p_timestamp;
    v_error.source := case when p_source in ('worker', 'webhook') then p_source else 'system' end;
    v_error.severity := case when lower(p_severity) in ('low', 'medium', 'high')
      then lower(p_severity) end;
    v_error.exception := p_exception;
    if lower(p_error_type) = any (enum_range(null::tocsin.error_type)::text[]) then
      v_error.error_type := lower(p_error_type);
    else
      -- the reporter's own word for it: a name, not a type
      v_error.exception := coalesce(v_error.exception, nullif(p_error_type, ''));
    end if;
    v_error.project_id := p_project_id;
    v_error.workflow_id := p_workflow_id;
    v_error.run_id := p_run_id;
    v_error.node := p_node;
    v_error.user_id := p_user_id;
    v_error.component := p_component;
    v_error.environment := p_environment;
    v_error.release := p_release;
    v_error.sqlstate := p_sqlstate;
    v_error.http_status := p_http_status;
    v_error.message := p_message;
    v_error.stack := p_stack;
    v_error.metadata := p_metadata;
    v_error := tocsin_internal.clean_report(v_error);
    if to_regclass('tocsin_internal.reported_errors') is null then
      raise undefined_table using message = 'its queue is not there';
    end if;
  exception when others then
    raise warning 'Tocsin could not take the report of an error: %', sqlerrm
      using hint = 'Your own statement is not affected. See: select * from tocsin.doctor();';
    return null;
  end;
  perform tocsin_internal.append_report(v_error);
  return v_error.error_id;
end
$$;

comment on function tocsin.report_error(text, text, text, jsonb, text, text, text, text, text, text,
  text, text, text, text, text, int, text, timestamptz, uuid) is
  'Reports an error and returns its id. p_error_type is one of tocsin.error_type, or the '
  'exception''s '
  'name, from which the type is found; p_source is worker, webhook or system; p_severity is low, '
  'medium or high, or found by rules; the message is cut at 8 KiB, the stack at 32, the metadata '
  'at '
  '64. It is part of your transaction, and never fails it: null and a warning say that it could '
  'not. With p_error_id the same report can be sent twice within seven days and counts once. For '
  'the database''s own functions and service_role.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.report_error(text, text, text, jsonb, text, text, text, text, text,
  text, text, text, text, text, text, int, text, timestamptz, uuid)
  from public, anon, authenticated;
grant execute on function tocsin.report_error(text, text, text, jsonb, text, text, text, text, text,
  text, text, text, text, text, text, int, text, timestamptz, uuid) to service_role;
