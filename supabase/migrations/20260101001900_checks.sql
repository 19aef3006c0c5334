-- Checks: what tocsin.doctor() looks at. Each check gives one row, or one for each thing it looks
-- at, and each finding has the command that mends it. Where one step was left out, the check of
-- that
-- step fails, and those that depend on it only warn.
--
-- SECURITY DEFINER functions: none. They read what only the owner may read: findings() calls them.

create function tocsin_internal.check_platform(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  v_extension record;
  v_queue text;
  v_job_id bigint;
  v_is_on boolean;
  v_is_current boolean;
  v_beat timestamptz;
  v_fault tocsin_internal.stage_faults;
  v_count bigint;
begin
  for v_extension in
    select wanted.name, e.extversion
    from unnest(array['pgmq', 'pg_cron', 'pg_net', 'supabase_vault']) as wanted (name)
    left join pg_catalog.pg_extension e on e.extname = wanted.name
  loop
    return query select 'extension ' || v_extension.name,
      case when v_extension.extversion is null then 'fail' else 'ok' end,
      coalesce('Version ' || v_extension.extversion, 'It is not installed.'),
      case when v_extension.extversion is null then
        'Enable it under Database > Extensions, then run: select tocsin.setup();' end;
  end loop;

  select string_agg(name, ', ') into v_queue
  from unnest(array['tocsin_failures', 'tocsin_failures_dlq', 'tocsin_deliveries',
                    'tocsin_deliveries_dlq']) as name
  where to_regclass('pgmq.q_' || name) is null;
  return query select 'queues', case when v_queue is null then 'ok' else 'fail' end,
    coalesce('Missing: ' || v_queue, 'All four are there.'),
    case when v_queue is not null then 'select tocsin.setup();' end;

  if tocsin_internal.has_extension('pg_cron') then
    select j.jobid, j.active, j.command = tocsin_internal.beat_command()
    into v_job_id, v_is_on, v_is_current
    from cron.job j where j.jobname = 'tocsin-heart';
    return query select 'heart is scheduled',
      case when v_is_on and v_is_current then 'ok' else 'fail' end,
      case when v_job_id is null then 'pg_cron has no job tocsin-heart.'
        when not v_is_on then 'The job tocsin-heart is switched off.'
        when not v_is_current then 'The job tocsin-heart runs an old command.'
        else 'Job ' || v_job_id end,
      case when v_is_on and v_is_current then null else 'select tocsin.setup();' end;
  end if;

  select coalesce(max(s.last_run_at), i.installed_at) into v_beat
  from tocsin_internal.installation i left join tocsin_internal.stages s on true
  group by i.installed_at;
  return query select 'heart beats',
    case when v_beat > p_now - interval '1 minute' then 'ok'
      when v_is_on and v_is_current then 'fail' else 'warn' end,
    format('Last beat %s UTC', to_char(v_beat at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
    case when v_beat > p_now - interval '1 minute' then null
      when v_is_on and v_is_current then
        'select * from cron.job_run_details order by runid desc limit 5; '
        'if there is nothing new, restart the database: its scheduler has stopped.'
      else 'It follows from the checks above.' end;

  select * into v_fault from tocsin_internal.stage_faults f
  where f.happened_at > p_now - interval '1 hour' order by f.fault_id desc limit 1;
  return query select 'no faults', case when v_fault.fault_id is null then 'ok' else 'warn' end,
    coalesce('Within the hour, the last in ' || v_fault.stage || ': ' || v_fault.message,
      'None within the hour.'),
    case when v_fault.fault_id is not null then
      'select * from tocsin_internal.stage_faults order by fault_id desc;' end;

  if to_regclass('pgmq.q_tocsin_failures_dlq') is not null then
    select count(*) into v_count from (
      select from pgmq.q_tocsin_failures_dlq limit 1000) as letters;
    return query select 'no dead letters', case when v_count = 0 then 'ok' else 'warn' end,
      format('%s failures could not be ingested.', v_count),
      case when v_count > 0 then 'select msg_id, message from pgmq.q_tocsin_failures_dlq;' end;
  end if;
end
$$;

comment on function tocsin_internal.check_platform(timestamptz) is
  'Checks the extensions, the queues and the heart.';

create function tocsin_internal.read_error(p_content text) returns jsonb
language plpgsql immutable set search_path = ''
as $$
begin
  return p_content::jsonb -> 'error';
exception when data_exception or program_limit_exceeded then
  return null; -- a gateway's page, or nothing at all
end
$$;

comment on function tocsin_internal.read_error(text) is
  'The error in an answer of tocsin-notify: code, message and hint. Null when it tells of none.';

create function tocsin_internal.check_notify(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  v_here tocsin_internal.installation;
  v_is_answered boolean := false;
  v_code int;
  v_content text;
  v_answer jsonb;
  v_error text;
  v_token text;
  v_url_status text;
  v_answer_status text := 'ok';
  v_token_status text := 'fail';
  v_exposed text;
  v_count bigint;
  v_oldest timestamptz;
begin
  select * into v_here from tocsin_internal.installation;

  v_url_status := case when v_here.functions_url is null then 'fail' else 'ok' end;
  return query select 'functions url', v_url_status,
    coalesce(v_here.functions_url, 'Tocsin does not know where Edge Functions answer.'),
    case when v_here.functions_url is null then
      'select tocsin.setup(''https://<ref>.supabase.co/functions/v1'', ''you@example.com'');' end;

  if tocsin_internal.has_extension('supabase_vault') then
    select tocsin_internal.read_secret(id) into v_token from vault.secrets
    where name = 'tocsin_doorbell_token';
    if v_token is not null and exists (
      select from tocsin_internal.doorbell_tokens
      where token_hash = sha256(convert_to(v_token, 'UTF8')))
    then
      v_token_status := 'ok';
    elsif v_here.functions_url is null then
      v_token_status := 'warn';
    end if;
    return query select 'doorbell token', v_token_status,
      case v_token_status when 'ok' then 'It is there and matches.'
        else 'Missing, or from a database that this one was copied from.' end,
      case when v_token_status <> 'ok' then 'select tocsin.setup();' end;

    select string_agg(c.name, ', ') into v_token
    from tocsin.alert_channels c
    where c.kind in ('webhook', 'slack') and c.is_enabled
      and tocsin_internal.read_secret(c.secret_id) is null;
    return query select 'channel secrets', case when v_token is null then 'ok' else 'fail' end,
      coalesce('The secrets of these channels cannot be read: ' || v_token,
        'Every secret of a channel can be read.'),
      case when v_token is not null then
        'Delete these channels and make them again: a copied database cannot read the secrets.' end;
  end if;

  if tocsin_internal.has_extension('pg_net') and v_here.last_doorbell_id is not null then
    select true, r.status_code, r.content, r.error_msg
    into v_is_answered, v_code, v_content, v_error
    from net._http_response r
    where r.id = v_here.last_doorbell_id
      and r.created >= v_here.last_doorbell_at - interval '1 minute';
    v_answer := tocsin_internal.read_error(v_content);
    v_answer_status := case
      when v_is_answered is null then case
        when v_here.last_doorbell_at > p_now - interval '1 minute' then 'ok' else 'fail' end
      when v_code between 200 and 299 or v_answer ->> 'code' = 'schema_not_exposed' then 'ok'
      else 'fail' end;
  end if;
  return query select 'tocsin-notify answers', v_answer_status,
    case when v_here.last_doorbell_id is null then 'It has not been needed yet.'
      when v_is_answered is null then 'No answer to the last doorbell is known yet.'
      when v_code is not null then
        concat_ws(' ', 'Status', v_code, case when v_answer_status = 'fail' then
          left(coalesce(v_answer ->> 'message', v_content), 300) end)
      else coalesce(v_error, 'It did not answer in time.') end,
    case when v_answer_status = 'ok' then null
      when v_code = 404 then 'supabase functions deploy tocsin-notify'
      when v_code = 401 then
        'select tocsin.setup(); and see that verify_jwt = false stands in config.toml.'
      when v_answer ->> 'hint' is not null then left(v_answer ->> 'hint', 300)
      else 'supabase functions deploy tocsin-notify; and see that the functions url is right.' end;

  v_exposed := (
    select substring(setting from 'pgrst\.db_schemas=(.*)')
    from pg_catalog.pg_db_role_setting s cross join unnest(s.setconfig) as setting
    where setting like 'pgrst.db_schemas=%' limit 1);
  return query select 'schema is exposed',
    case when v_answer ->> 'code' = 'schema_not_exposed' then 'fail'
      when v_exposed is not null then
        case when v_exposed ~ '\mtocsin\M' then 'ok' else 'fail' end
      when v_here.last_api_call_at is not null or v_here.last_doorbell_id is null then 'ok'
      else 'warn' end,
    case when v_answer ->> 'code' = 'schema_not_exposed' then
        'tocsin-notify found that the Data API does not expose the schema tocsin.'
      when v_exposed is not null then 'Exposed are: ' || v_exposed
      when v_here.last_api_call_at is not null then 'tocsin-notify came in through the Data API.'
      else 'Nothing has come in through the Data API yet.' end,
    case when v_answer ->> 'code' = 'schema_not_exposed' or v_exposed !~ '\mtocsin\M'
      or (v_here.last_api_call_at is null and v_here.last_doorbell_id is not null)
      then 'Add tocsin under Project Settings > Data API > Exposed '
      'schemas, or to [api].schemas in config.toml and: supabase config push' end;

  select count(*) into v_count from tocsin.operators;
  return query select 'operator',
    case when v_count > 0 then 'ok'
      when exists (select from tocsin_internal.invited_operators) then 'warn' else 'fail' end,
    case when v_count > 0 then format('%s of them', v_count)
      else coalesce((select 'Waiting for the sign-up of ' || string_agg(email, ', ')
        from tocsin_internal.invited_operators), 'Nobody can see what belongs to no project.') end,
    case when v_count > 0 then null
      when exists (select from tocsin_internal.invited_operators) then
        'Sign up with that address and confirm it.'
      else 'select tocsin.setup(null, ''you@example.com'');' end;

  -- what waits for a channel that rests, or for its turn in a provider's pace, is not late
  select count(*), min(d.next_attempt_at) into v_count, v_oldest
  from tocsin.deliveries d join tocsin_internal.sendable_channels(p_now) c using (channel_id)
  where d.state = 'pending' and d.next_attempt_at < p_now - interval '1 minute'
    and (c.gap is null or c.free_at < p_now - interval '1 minute');
  return query select 'deliveries are on time',
    case when v_count = 0 then 'ok'
      when 'fail' in (v_url_status, v_token_status, v_answer_status) then 'warn' else 'fail' end,
    case when v_count = 0 then 'Nothing has waited for more than a minute.'
      else format('%s waiting, the oldest since %s UTC', v_count,
        to_char(v_oldest at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')) end,
    case when v_count > 0 then
      'select state, last_error, count(*) from tocsin.deliveries group by 1, 2; it mostly '
      'follows from another check, else the log of tocsin-notify says why.' end;

  select count(*) into v_count from tocsin.deliveries d
  where d.state = 'dead' and d.created_at > p_now - interval '1 day';
  return query select 'no delivery was given up', case when v_count = 0 then 'ok' else 'warn' end,
    format('%s within a day', v_count),
    case when v_count > 0 then 'select channel_name, last_error, created_at from '
      'tocsin.deliveries where state = ''dead'' order by created_at desc;' end;

  select string_agg(case when c.is_enabled
    then format('"%s" has not answered since %s UTC (%s)', c.name,
      to_char(b.failing_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), left(b.last_error, 200))
    else format('"%s" was turned off: %s', c.name, left(b.disabled_reason, 200)) end, '; '
    order by c.name) into v_token
  from tocsin.channel_states b join tocsin.alert_channels c using (channel_id)
  where b.state <> 'closed' or (b.disabled_at is not null and not c.is_enabled);
  return query select 'channels answer', case when v_token is null then 'ok' else 'warn' end,
    coalesce(v_token, 'No channel rests, and none was turned off by Tocsin.'),
    case when v_token is not null then 'Put its address right in tocsin.alert_channels and turn it '
      'on; then: select tocsin.send_test_alert(channel_id)' end;
end
$$;

comment on function tocsin_internal.check_notify(timestamptz) is
  'Checks the way from the database to the receivers.';

create function tocsin_internal.check_source(p_source tocsin.run_sources)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  m constant jsonb := p_source.mapping;
  v_problem text;
  v_side text;
  v_table regclass;
begin
  foreach v_side in array array['runs', 'events', 'jobs'] loop
    continue when v_side <> 'runs' and not m ? v_side;
    v_table := case v_side when 'runs' then p_source.run_table
      else to_regclass(m #>> array[v_side, 'table']) end;
    if v_table is null or not exists (select from pg_catalog.pg_class where oid = v_table) then
      return query select 'watching ' || p_source.source_id, 'fail',
        format('The table of its %s is gone.', v_side),
        case v_side when 'runs' then format('select tocsin.unwatch_runs(%s::oid::regclass);',
          p_source.run_table::oid) else format('select tocsin.watch_runs(%L, %L, %L);',
          p_source.run_table, p_source.preset, p_source.options) end;
      return;
    end if;

    select string_agg(format('column %s (%s) is gone', field.value, field.key), ', ')
    into v_problem
    from jsonb_each_text(case v_side when 'runs' then m else m -> v_side end) as field
    where field.key = any (case v_side
        when 'runs' then array['run_id', 'project_id', 'workflow_id', 'status', 'started_at',
          'finished_at', 'error', 'node']
        else array['run_id', 'type', 'at', 'payload', 'failed_at', 'dead_at', 'error'] end)
      and field.value is not null
      and tocsin_internal.column_type(v_table, field.value) is null;
    if v_problem is null and not exists (
      select from pg_catalog.pg_trigger t
      where t.tgrelid = v_table and t.tgenabled <> 'D' and t.tgfoid = to_regproc(
        format('tocsin_internal.%I', tocsin_internal.name_of_capture(p_source.source_id, v_side)))
    ) then
      v_problem := 'the trigger is gone or off';
    end if;
    if v_problem is null and not exists (
      select from pg_catalog.pg_proc p
      where p.oid = to_regproc(format('tocsin_internal.%I', 'describe_' || p_source.source_id))
        and position(format('from %s r', p_source.run_table) in p.prosrc) > 0
    ) then
      return query select 'watching ' || p_source.source_id, 'fail',
        format('%s was renamed: its failures come without their text.', p_source.run_table),
        'select tocsin.setup();';
      return;
    end if;
    if v_problem is not null then
      return query select 'watching ' || p_source.source_id, 'fail',
        format('%s: %s', v_table, v_problem),
        format('Watch it again, naming what changed: select tocsin.watch_runs(%L, %L, '
          '''{"status": "…"}'');', p_source.run_table::text, p_source.preset);
      return;
    end if;
  end loop;
  return query
  select 'watching ' || p_source.source_id, case l.way when 'none' then 'warn' else 'ok' end,
    p_source.run_table || coalesce('; long runs: ' || case l.way
      when 'index' then 'found by the index on their start times'
      when 'sweep' then 'looked for page by page, there is no index on their start times'
      else 'not found' end, ''),
    case l.way when 'none' then 'Map started_at, and make an index on the run''s id: '
      'docs/reference/alert-kinds/run_stuck.md' end
  from (select p_source.source_id) as s
  left join tocsin_internal.run_searches l using (source_id);
end
$$;

comment on function tocsin_internal.check_source(tocsin.run_sources) is
  'Checks that a watched table still has what its trigger reads, and its trigger.';

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
