-- Forwarding again, and what tocsin.doctor() says of it.
--
-- SECURITY DEFINER functions:
--   tocsin_internal.make_due_again(text, uuid[], timestamptz)  for operators, who may not write
--                                                              forwardings themselves
-- Raises TC028: no such forwarder, or not an operator.

create function tocsin_internal.make_due_again(
  p_forwarder text, p_error_ids uuid[], p_now timestamptz
) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  v_count bigint;
begin
  if not tocsin_internal.is_trusted() and not tocsin_internal.is_operator() then
    raise exception 'Only operators forward errors again' using errcode = 'TC028',
      hint = 'Ask an operator: select user_id from tocsin.operators';
  end if;
  if not exists (select from tocsin.forwarders f where f.forwarder = p_forwarder) then
    raise exception 'There is no forwarder "%"', p_forwarder using errcode = 'TC028',
      hint = 'select forwarder from tocsin.forwarders';
  end if;
  update tocsin.forwardings w
  set state = 'pending', attempt_count = 0, next_attempt_at = p_now
  where w.forwarder = p_forwarder and w.state = 'dead'
    and (p_error_ids is null or w.error_id = any (p_error_ids));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.make_due_again(text, uuid[], timestamptz) is
  'Makes dead forwardings due, for operators and SQL sessions. Raises TC028.';

create function tocsin.forward_again(
  p_forwarder text, p_error_ids uuid[] default null, p_now timestamptz default clock_timestamp()
) returns bigint
language sql set search_path = ''
as $$ select tocsin_internal.make_due_again(p_forwarder, p_error_ids, p_now) $$;

comment on function tocsin.forward_again(text, uuid[], timestamptz) is
  'Forwards again what was given up: all of a forwarder''s, or the errors named. Returns how many. '
  'For operators. Raises TC028.';

create function tocsin.forward_errors(
  p_forwarder text, p_from timestamptz, p_to timestamptz default clock_timestamp(),
  p_now timestamptz default clock_timestamp()
) returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_count bigint;
begin
  if not exists (select from tocsin.forwarders f where f.forwarder = p_forwarder) then
    raise exception 'There is no forwarder "%"', p_forwarder using errcode = 'TC028',
      hint = 'select forwarder from tocsin.forwarders';
  end if;
  insert into tocsin.forwardings (forwarder, error_id, project_id, ingested_at, event_id,
    next_attempt_at, created_at)
  select e.forwarder, e.error_id, e.project_id, e.ingested_at, e.event_id, p_now, p_now
  from tocsin_internal.forwardable_errors e
  where e.forwarder = p_forwarder and e.ingested_at >= p_from and e.ingested_at < p_to
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin.forward_errors(text, timestamptz, timestamptz, timestamptz) is
  'Forwards what was stored in a range of time and not forwarded yet, such as before there was a '
  'forwarder; by the settings of now. Returns how many. For the SQL editor. Raises TC028.';

create function tocsin_internal.check_forwarding(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language sql stable set search_path = ''
as $$
  with fared as (
    select f.*, s.is_configured, s.problem, s.paused_until, s.failure_count, s.last_error,
      s.last_failed_at, s.last_forwarded_at,
      (select min(w.next_attempt_at) from tocsin.forwardings w
        where w.forwarder = f.forwarder and w.state in ('pending', 'sending')) as due_at,
      (select count(*) from (select from tocsin.forwardings w
        where w.forwarder = f.forwarder and w.state in ('pending', 'sending')
        limit 10000) as counted) as waiting,
      (select count(*) from (select from tocsin.forwardings w
        where w.forwarder = f.forwarder and w.state = 'dead'
          and w.created_at > p_now - interval '7 days' limit 10000) as counted) as dead,
      case f.forwarder when 'sentry' then 'SENTRY_DSN' when 'rollbar' then 'ROLLBAR_ACCESS_TOKEN'
        end as secret
    from tocsin.forwarders f join tocsin.forwarder_states s using (forwarder)
  ),
  judged as (
    select *, case
      when not is_enabled and waiting > 0 then 'off'
      when not is_enabled or (not is_configured and waiting = 0) then 'unused'
      when not is_configured then 'no secret'
      when problem is not null then 'problem'
      when failure_count > 2 then 'failing'
      when due_at < p_now - interval '5 minutes' and coalesce(paused_until, p_now) <= p_now
        then 'late'
      when paused_until > p_now + interval '1 minute' then 'paused'
      when dead > 0 then 'dead' else 'well' end as found
    from fared
  )
  select 'forwarding to ' || forwarder,
    case when found in ('unused', 'well') then 'ok'
      when found in ('off', 'paused', 'dead') then 'warn' else 'fail' end,
    case found when 'unused' then 'Not used.'
      when 'off' then format('It is off, and %s errors wait.', waiting)
      when 'no secret' then format('%s errors wait, and the functions hold no %s.', waiting, secret)
      when 'problem' then problem
      when 'failing' then format('%s errors wait, the last attempt failed %s UTC: %s', waiting,
        to_char(last_failed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'), last_error)
      when 'late' then format('%s errors wait, the oldest since %s UTC.', waiting,
        to_char(due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
      when 'paused' then format('%s errors wait until %s UTC: %s', waiting,
        to_char(paused_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'), last_error)
      when 'dead' then format('%s errors of a week were given up.', dead)
      else format('%s errors wait; the last arrived %s UTC.', waiting, coalesce(to_char(
        last_forwarded_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'), 'never,')) end,
    case found
      when 'off' then format('update tocsin.forwarders set is_enabled = true where forwarder = %L; '
        'or delete from tocsin.forwardings where forwarder = %1$L and state = ''pending'';',
        forwarder)
      when 'no secret' then format('supabase secrets set %s=…', secret)
      when 'problem' then format('supabase secrets set %s=…', secret)
      when 'failing' then 'docs/reference/forwarding.md says what each answer means.'
      when 'late' then 'It mostly follows from "tocsin-notify answers"; else the log of '
        'tocsin-notify says why.'
      when 'dead' then format('select last_error, count(*) from tocsin.forwardings where state = '
        '''dead'' group by 1; then: select tocsin.forward_again(%L);', forwarder) end
  from judged order by forwarder desc
$$;

comment on function tocsin_internal.check_forwarding(timestamptz) is
  'Checks how each forwarder fares.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.make_due_again(text, uuid[], timestamptz)
  to authenticated, service_role;
revoke all on function tocsin.forward_again(text, uuid[], timestamptz) from public, anon;
revoke all on function tocsin.forward_errors(text, timestamptz, timestamptz, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function tocsin.forward_again(text, uuid[], timestamptz)
  to authenticated, service_role;
