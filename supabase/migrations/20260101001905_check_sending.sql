-- Checks of sending: the way from the database to the receivers.
--
-- SECURITY DEFINER functions: none. They read what only the owner may read: findings() calls them.

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
  v_answered_at timestamptz;
  v_says_it_is timestamptz;
  v_is_elsewhere boolean := false;
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
    select true, r.status_code, r.content, r.error_msg, r.created,
      tocsin_internal.try_timestamp(r.headers ->> 'date')
    into v_is_answered, v_code, v_content, v_error, v_answered_at, v_says_it_is
    from net._http_response r
    where r.id = v_here.last_doorbell_id
      and r.created >= v_here.last_doorbell_at - interval '1 minute';
    v_answer := tocsin_internal.read_error(v_content);
    -- it looks the token up in its own project's database: when that is another one, this is a copy
    v_is_elsewhere := coalesce(v_code between 200 and 299
      and coalesce(v_here.last_api_call_at, '-infinity') < v_answered_at - interval '1 minute',
      false);
    v_answer_status := case
      when v_is_elsewhere then 'fail'
      when v_is_answered is null then case
        when v_here.last_doorbell_at > p_now - interval '1 minute' then 'ok' else 'fail' end
      when v_code between 200 and 299 or v_answer ->> 'code' = 'schema_not_exposed' then 'ok'
      else 'fail' end;
  end if;
  return query select 'tocsin-notify answers', v_answer_status,
    case when v_here.last_doorbell_id is null then 'It has not been needed yet.'
      when v_is_answered is null then 'No answer to the last doorbell is known yet.'
      when v_is_elsewhere then
        'It answers, but for another database: is this one a copy or branch?'
      when v_code is not null then
        concat_ws(' ', 'Status', v_code, case when v_answer_status = 'fail' then
          left(coalesce(v_answer ->> 'message', v_content), 300) end)
      else coalesce(v_error, 'It did not answer in time.') end,
    case when v_answer_status = 'ok' then null
      when v_is_elsewhere then 'select tocsin.setup(''https://<ref of this project>.supabase.co/'
        'functions/v1''); and then: supabase functions deploy tocsin-notify tocsin-api'
      when v_code = 404 then 'supabase functions deploy tocsin-notify'
      when v_code = 401 then
        'select tocsin.setup(); and see that verify_jwt = false stands in config.toml.'
      when v_answer ->> 'hint' is not null then left(v_answer ->> 'hint', 300)
      else 'supabase functions deploy tocsin-notify; and see that the functions url is right.' end;

  return query select 'clocks agree',
    case when v_says_it_is is null
      or v_says_it_is between v_answered_at - interval '1 minute'
        and v_answered_at + interval '1 minute' then 'ok' else 'warn' end,
    case when v_says_it_is is null then 'tocsin-notify has not told the time yet.'
      else format('tocsin-notify''s differs from the database''s by %s s.', round(abs(
        extract(epoch from v_says_it_is - v_answered_at)))) end,
    case when v_says_it_is not between v_answered_at - interval '1 minute'
        and v_answered_at + interval '1 minute' then 'Receivers refuse signatures from five '
      'minutes on. On a server of your own: timedatectl set-ntp true; on Supabase, restart the '
      'project under Project Settings > General.' end;

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
      when exists (select from tocsin_internal.invited_operators) or v_here.functions_url is null
        then 'warn' else 'fail' end,
    case when v_count > 0 then format('%s of them', v_count)
      else coalesce((select 'Waiting for the sign-up of ' || string_agg(email, ', ')
        from tocsin_internal.invited_operators), 'Nobody can see what belongs to no project.') end,
    case when v_count > 0 then null
      when exists (select from tocsin_internal.invited_operators) then
        'Sign up with that address and confirm it.'
      when v_here.functions_url is null then 'It follows from the functions url.'
      else 'select tocsin.setup(null, ''you@example.com'');' end;

  select 'supabase secrets set ' || name || '=…', format('The function secret %s is not set.', name)
  into v_error, v_token
  from tocsin.deliveries d
  cross join lateral substring(d.last_error from 'The function secret (\w+) is not set') as name
  where d.last_error like 'The function secret %' and d.created_at > p_now - interval '1 day'
    and d.state <> 'delivered' and not exists (
      select from tocsin.deliveries later
      where later.channel_kind = d.channel_kind and later.state = 'delivered'
        and later.created_at > d.created_at)
  order by d.created_at desc limit 1;
  return query select 'function secrets', case when v_token is null then 'ok' else 'fail' end,
    coalesce(v_token, 'No delivery of the last day has missed one.'), v_error;

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

revoke all on all functions in schema tocsin_internal from public;
