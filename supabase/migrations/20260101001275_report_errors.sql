-- Reporting errors: a batch, over HTTP. tocsin-api hands on what is posted to it.
--
-- Each item of a batch is taken or refused by itself, and the answer says which and why. Whether an
-- item came before is known at once: its id is written to seen_errors in the same transaction, in
-- the order of ids, so that two batches never wait for each other.
--
-- SECURITY DEFINER functions, for service_role alone:
--   tocsin.report_errors(…)         writes the queue and the use of keys
--   tocsin.announce_environment(…)  writes the installation's environment and release

create function tocsin_internal.read_report(p_event jsonb) returns tocsin_internal.reported_errors
language plpgsql set search_path = ''
as $$
declare
  v_error tocsin_internal.reported_errors;
  v_known constant text[] := array['error_id', 'timestamp', 'source', 'error_type', 'severity',
    'project_id', 'workflow_id', 'workflow_name', 'run_id', 'node', 'attempt', 'user_id',
    'component', 'environment', 'release', 'exception', 'sqlstate', 'http_status', 'message',
    'stack', 'metadata'];
  v_problem text;
begin
  v_problem := case
    when jsonb_typeof(p_event) <> 'object' then 'it is not an object'
    when coalesce(nullif(p_event ->> 'message', ''), p_event ->> 'exception', '') = ''
      then 'it has neither a message nor an exception'
    when p_event ->> 'error_id' is not null
      and p_event ->> 'error_id' !~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$'
      then 'error_id is not a uuid'
    when p_event ->> 'source' is not null
      and p_event ->> 'source' <> all (enum_range(null::tocsin.error_source)::text[])
      then 'source is not worker, webhook or system'
    when p_event ->> 'severity' is not null
      and p_event ->> 'severity' <> all (enum_range(null::tocsin.severity)::text[])
      then 'severity is not low, medium or high'
    when p_event ->> 'http_status' is not null and p_event ->> 'http_status' !~ '^[1-5]\d\d$'
      then 'http_status is not a number from 100 to 599'
    when p_event ->> 'timestamp' is not null
      and tocsin_internal.try_timestamp(p_event ->> 'timestamp') is null
      then 'timestamp is not a time'
    when p_event ->> 'attempt' is not null and p_event ->> 'attempt' !~ '^\d{1,9}$'
      then 'attempt is not a number'
    when coalesce(jsonb_typeof(p_event -> 'metadata'), 'null') not in ('object', 'null')
      then 'metadata is not an object'
  end;
  if v_problem is not null then
    raise exception '%', v_problem
      using errcode = 'TC035', hint = 'The other items are not affected.';
  end if;

  v_error.is_seen := true;
  v_error.error_id := p_event ->> 'error_id';
  v_error.timestamp := tocsin_internal.try_timestamp(p_event ->> 'timestamp');
  v_error.source := coalesce(p_event ->> 'source', 'system');
  v_error.severity := p_event ->> 'severity';
  v_error.exception := p_event ->> 'exception';
  if p_event ->> 'error_type' = any (enum_range(null::tocsin.error_type)::text[]) then
    v_error.error_type := p_event ->> 'error_type';
  else
    v_error.exception := coalesce(v_error.exception, p_event ->> 'error_type');
  end if;
  v_error.project_id := p_event ->> 'project_id';
  v_error.workflow_id := p_event ->> 'workflow_id';
  v_error.workflow_name := p_event ->> 'workflow_name';
  v_error.run_id := p_event ->> 'run_id';
  v_error.node := p_event ->> 'node';
  v_error.attempt := p_event ->> 'attempt';
  v_error.user_id := p_event ->> 'user_id';
  v_error.component := p_event ->> 'component';
  v_error.environment := p_event ->> 'environment';
  v_error.release := p_event ->> 'release';
  v_error.sqlstate := p_event ->> 'sqlstate';
  v_error.http_status := p_event ->> 'http_status';
  v_error.message := p_event ->> 'message';
  v_error.stack := p_event ->> 'stack';
  -- what we have no column for is kept all the same
  v_error.metadata := nullif(p_event -> 'metadata', 'null') || (p_event - v_known);
  v_error.metadata := coalesce(v_error.metadata, p_event - v_known);
  return v_error;
end
$$;

comment on function tocsin_internal.read_report(jsonb) is
  'An item of a batch as an error. Raises TC035 with the reason when it cannot be taken.';

create function tocsin_internal.use_ingest_key(p_key text, p_count int, p_now timestamptz)
returns jsonb
language plpgsql set search_path = ''
as $$
declare
  v_key tocsin.ingest_keys;
  v_minute constant timestamptz := date_trunc('minute', p_now);
begin
  select * into v_key from tocsin.ingest_keys where key_hash = tocsin_internal.hash_key(p_key);
  if v_key.key_id is null or v_key.revoked_at <= p_now or v_key.expires_at <= p_now then
    return jsonb_build_object('status', 401, 'error', jsonb_build_object('code', 'TC036',
      'message', case when v_key.key_id is null then 'This ingest key is not known.'
        when v_key.revoked_at <= p_now then 'This ingest key was revoked.'
        else 'This ingest key has expired.' end,
      'hint', 'An editor of the project makes one: select * from tocsin.create_ingest_key(…)'));
  end if;

  update tocsin.ingest_keys k
  set window_began_at = v_minute, last_used_at = v_minute,
    window_count = p_count + case when k.window_began_at = v_minute then k.window_count else 0 end
  where k.key_id = v_key.key_id
    and p_count + case when k.window_began_at = v_minute then k.window_count else 0 end
      <= k.rate_limit;
  if not found then
    return jsonb_build_object('status', 429, 'limit', v_key.rate_limit, 'retry_after_seconds',
      ceil(extract(epoch from v_minute + interval '1 minute' - p_now))::int,
      'error', jsonb_build_object('code', 'TC037',
        'message', format('This ingest key may report %s errors a minute.', v_key.rate_limit),
        'hint', 'Nothing of the batch was taken. Send it again after the time that is given.'));
  end if;
  return jsonb_build_object('status', 202, 'project_id', v_key.project_id);
end
$$;

comment on function tocsin_internal.use_ingest_key(text, int, timestamptz) is
  'Whether the key may report so many errors now: {status: 202, project_id}, or 401 or 429 with '
  'the '
  'error.';

create function tocsin.report_errors(
  p_events json, p_ingest_key text default null, p_environment text default null,
  p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql security definer set search_path = '' set jit = off
as $$
declare
  v_answer jsonb := '{"status": 202}';
  v_events json;
  v_item record;
  v_event jsonb;
  v_error tocsin_internal.reported_errors;
  v_errors tocsin_internal.reported_errors[] := '{}';
  v_results jsonb[] := '{}';
  v_places int[] := '{}';
  v_project text;
begin
  v_events := case json_typeof(p_events) when 'array' then p_events
    when 'object' then json_build_array(p_events) end;
  if v_events is null or json_array_length(v_events) = 0 then
    return '{"status": 400, "error": {"code": "TC035", "message": "The body is no list of errors.",
      "hint": "Send a JSON array of 1 to 100 objects, each with a message."}}';
  elsif json_array_length(v_events) > 100 or octet_length(p_events::text) > 2097152 then
    return jsonb_build_object('status', 413, 'error', jsonb_build_object('code', 'TC038',
      'message', format('The batch has %s errors and %s bytes.', json_array_length(v_events),
        octet_length(p_events::text)),
      'hint', 'Send at most 100 errors and 2 MiB at once.'));
  end if;
  if p_ingest_key is not null then
    v_answer := tocsin_internal.use_ingest_key(p_ingest_key, json_array_length(v_events), p_now);
    if v_answer ->> 'status' <> '202' then
      return v_answer;
    end if;
    v_project := v_answer ->> 'project_id';
  end if;

  for v_item in
    -- jsonb cannot hold a null character
    select replace(value::text, '\u0000', '\ufffd') as value, place::int
    from json_array_elements(v_events) with ordinality as e (value, place)
  loop
    begin
      v_event := v_item.value::jsonb;
      v_error := tocsin_internal.read_report(v_event);
      if v_project is not null and v_error.project_id <> v_project then
        raise exception 'project_id is not the one that the key is for'
          using errcode = 'TC035', hint = 'Leave project_id out.';
      end if;
      v_error.project_id := coalesce(v_project, v_error.project_id);
      v_error.environment := coalesce(v_error.environment, p_environment);
      v_errors := v_errors || tocsin_internal.clean_report(v_error);
      v_places := v_places || v_item.place;
    exception when others then
      v_results := v_results || jsonb_build_object('index', v_item.place - 1, 'error_id',
        left(v_event ->> 'error_id', 36), 'status', 'rejected', 'reason', left(sqlerrm, 300));
    end;
    v_event := null;
  end loop;

  with item as (
    select place, e as error, (e).error_id as given_id, (e).project_id as project,
      row_number() over (partition by (e).error_id, (e).project_id order by place) as nth
    from (
      select v_errors[n] as e, v_places[n] as place from generate_subscripts(v_errors, 1) as n
    ) as taken
  ),
  first_time as (
    insert into tocsin_internal.seen_errors (error_id, project_id, seen_at)
    select given_id, project, p_now from item where nth = 1 order by 1, 2
    on conflict (error_id, project_id) do nothing
    returning error_id, project_id
  ),
  decided as materialized (
    select i.*, f.error_id is not null and i.nth = 1 as is_new,
      -- another project's event of that name must stay its own
      case when exists (select from tocsin_internal.seen_errors s
          where s.error_id = i.given_id and s.project_id <> i.project)
        then gen_random_uuid() else i.given_id end as stored_id
    from item i
    left join first_time f on f.error_id = i.given_id and f.project_id = i.project
  ),
  appended as (
    select count(tocsin_internal.append_report(jsonb_populate_record(d.error,
      jsonb_build_object('error_id', d.stored_id)))) from decided d where d.is_new
  )
  select v_results || coalesce(array_agg(jsonb_build_object('index', d.place - 1, 'error_id',
      case when d.is_new then d.stored_id else d.given_id end, 'status',
      case when d.is_new then 'accepted' else 'duplicate' end)), '{}')
  into v_results from decided d cross join appended;

  return jsonb_build_object('status', 202,
    'accepted', (select count(*) from unnest(v_results) as r where r ->> 'status' = 'accepted'),
    'duplicates', (select count(*) from unnest(v_results) as r where r ->> 'status' = 'duplicate'),
    'rejected', (select count(*) from unnest(v_results) as r where r ->> 'status' = 'rejected'),
    'results', (select jsonb_agg(r order by (r ->> 'index')::int) from unnest(v_results) as r));
end
$$;

comment on function tocsin.report_errors(json, text, text, timestamptz) is
  'Takes a batch of up to 100 errors for POST /error-events, under an ingest key or, without one, '
  'for whoever holds the secret key. Answers {status: 202, accepted, duplicates, rejected, '
  'results: '
  '[{index, error_id, status, reason}]}, or status 400, 401, 413 or 429 with error {code, message, '
  'hint}; 429 has limit and retry_after_seconds. docs/reference/api.md.';

create function tocsin.announce_environment(p_environment text, p_release text) returns void
language sql security definer set search_path = ''
as $$
  update tocsin_internal.installation
  set environment = left(p_environment, 100), release = left(p_release, 200)
  where is_the_only_row
    and (environment, release) is distinct from (left(p_environment, 100), left(p_release, 200))
$$;

comment on function tocsin.announce_environment(text, text) is
  'The functions tell their TOCSIN_ENVIRONMENT and TOCSIN_RELEASE: those of errors that name none.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.report_errors(json, text, text, timestamptz),
  tocsin.announce_environment(text, text) from public, anon, authenticated;
grant execute on function tocsin.report_errors(json, text, text, timestamptz),
  tocsin.announce_environment(text, text) to service_role;
