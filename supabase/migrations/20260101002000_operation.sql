-- Operation: setup() and doctor(), the first and the last thing that an operator calls.
--
-- SECURITY DEFINER functions:
--   tocsin_internal.findings(timestamptz)  reads the machinery, Vault, pg_cron and pg_net for
--                                          operators; anybody else who is signed in gets nothing

create function tocsin_internal.ensure_doorbell_token() returns void
language plpgsql set search_path = ''
as $$
declare
  v_token text;
  v_id uuid;
begin
  if not tocsin_internal.has_extension('supabase_vault') then
    return;
  end if;
  select id, tocsin_internal.read_secret(id) into v_id, v_token from vault.secrets
  where name = 'tocsin_doorbell_token';
  if v_token is not null and exists (
    select from tocsin_internal.doorbell_tokens
    where token_hash = sha256(convert_to(v_token, 'UTF8')))
  then
    return;
  end if;

  -- none yet, or one that this clone cannot decrypt or does not know
  v_token := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
  delete from vault.secrets where id = v_id;
  perform vault.create_secret(v_token, 'tocsin_doorbell_token');
  insert into tocsin_internal.doorbell_tokens (token_hash)
  values (sha256(convert_to(v_token, 'UTF8')));
  -- two are valid at a time
  delete from tocsin_internal.doorbell_tokens where token_hash not in (
    select token_hash from tocsin_internal.doorbell_tokens order by created_at desc limit 2);
end
$$;

comment on function tocsin_internal.ensure_doorbell_token() is
  'Makes the token with which tocsin-notify is rung, unless there is a good one.';

create function tocsin_internal.findings(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable security definer set search_path = '' set jit = off
as $$
declare
  v_check text;
begin
  if not tocsin_internal.is_trusted() and not tocsin_internal.is_operator() then
    return;
  end if;
  for v_check in select unnest(array['check_platform', 'check_schedule', 'check_notify',
                                     'check_watching', 'check_forwarding', 'check_itself',
                                     'check_watchers']) loop
    begin
      return query execute format('select * from tocsin_internal.%I($1)', v_check) using p_now;
    exception when others then
      -- it is called when things are broken: what cannot be checked is a finding as well
      return query select v_check, 'fail', 'This could not be checked: ' || sqlerrm,
        'Something of Tocsin is missing: push its migrations again.';
    end;
  end loop;
end
$$;

comment on function tocsin_internal.findings(timestamptz) is
  'The findings of all checks, for operators and for SQL sessions.';

create function tocsin.doctor(p_now timestamptz default clock_timestamp())
returns table (check_name text, status text, detail text, hint text)
language sql stable set search_path = ''
as $$ select * from tocsin_internal.findings(p_now) $$;

comment on function tocsin.doctor(timestamptz) is
  'Is everything well? One row a check: ok, warn or fail, what was found, and how to mend it. For '
  'operators and in the SQL editor; empty for anybody else.';

create function tocsin.setup(
  p_functions_url text default null, p_operator_email text default null
) returns table (check_name text, status text, detail text, hint text)
language plpgsql set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_source record;
  v_queue text;
  v_url text;
begin
  if p_functions_url is not null then
    if p_functions_url !~ '^https?://[^/\s]+(/\S*)?$' then
      raise exception 'This is not the address of Edge Functions: %', p_functions_url
        using errcode = 'TC016', hint = 'It looks like https://<ref>.supabase.co/functions/v1';
    end if;
    v_url := regexp_replace(p_functions_url, '(/tocsin-notify)?/*$', '');
    -- what another address answered says nothing about this one
    update tocsin_internal.installation
    set functions_url = v_url, last_doorbell_id = null, last_doorbell_at = null,
      last_api_call_at = null
    where is_the_only_row and functions_url is distinct from v_url;
  end if;
  if p_operator_email is not null then
    if p_operator_email !~ '^[^\s@]+@[^\s@]+\.?[^\s@]+$' then
      raise exception 'This is not an e-mail address: %', p_operator_email
        using errcode = 'TC016', hint = 'Give the address with which the operator signs in.';
    end if;
    insert into tocsin_internal.invited_operators (email) values (lower(p_operator_email))
    on conflict (email) do nothing;
    perform tocsin_internal.accept_invited_operators();
  end if;

  foreach v_queue in array array['tocsin_failures', 'tocsin_failures_dlq', 'tocsin_deliveries',
                                 'tocsin_deliveries_dlq'] loop
    perform tocsin_internal.ensure_queue(v_queue);
  end loop;
  perform tocsin_internal.ensure_doorbell_token();
  perform tocsin_internal.schedule_jobs();
  perform tocsin_internal.ensure_live_policy();
  for v_source in
    select 'watch_runs_again' as step, source_id, run_table::text as name from tocsin.run_sources
    union all
    select 'watch_errors_again', source_id, event_table::text from tocsin.error_sources
  loop
    begin
      execute format('select tocsin_internal.%I($1)', v_source.step) using v_source.source_id;
    exception when others then
      raise warning 'The table % could not be watched again: %', v_source.name, sqlerrm;
    end;
  end loop;
  begin
    -- whether it answers is known once this is committed
    perform tocsin_internal.ring(clock_timestamp());
  exception when others then
    raise warning 'tocsin-notify could not be rung: %', sqlerrm;
  end;

  return query select d.* from tocsin.doctor() as d;
end
$$;

comment on function tocsin.setup(text, text) is
  'The first steps, and safe to repeat: where Edge Functions answer, who is the first operator '
  '(who '
  'may sign up later), the token, the jobs, the queues, the triggers. Returns what doctor() finds. '
  'Raises TC016.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.findings(timestamptz) to authenticated;
revoke all on function tocsin.setup(text, text) from public, anon, authenticated, service_role;
revoke all on function tocsin.doctor(timestamptz) from public, anon, service_role;
grant execute on function tocsin.doctor(timestamptz) to authenticated;
