-- Heartbeat: an address outside is pinged each minute while the heart is well, so that somebody
-- hears of it when the database itself is down.
--
-- tocsin-notify asks the address, since it is guarded like every address that people give. A ring
-- tells it that a ping is due; it takes it on itself here, once a minute, and says how it went.
--
-- SECURITY DEFINER functions, for service_role alone:
--   tocsin.claim_heartbeat(…)   reads and marks what the self-watch remembers
--   tocsin.record_heartbeat(…)  writes it

create function tocsin_internal.is_heart_well(p_now timestamptz) returns boolean
language sql stable set search_path = ''
as $$
  -- every stage but those that come after the one that asks has run to its end lately
  select not exists (
    select from unnest(tocsin_internal.stage_names()) as name
    left join tocsin_internal.stages s on s.stage = name
    where name not in ('ring_doorbell', 'note_beat', 'look_up_names', 'accept_invited_operators')
      and coalesce(s.last_run_at, '-infinity')
        < p_now - greatest(interval '2 minutes', 3 * tocsin_internal.beat_interval()))
$$;

comment on function tocsin_internal.is_heart_well(timestamptz) is
  'Whether every stage of the heart that matters ran to its end within two minutes.';

create function tocsin_internal.is_heartbeat_due(p_now timestamptz) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from tocsin.self_watch w cross join tocsin_internal.self_watch_state s
    where w.heartbeat_url is not null
      and date_trunc('minute', coalesce(s.pinged_at, '-infinity')) < date_trunc('minute', p_now)
      and tocsin_internal.is_heart_well(p_now))
$$;

comment on function tocsin_internal.is_heartbeat_due(timestamptz) is
  'Whether the address outside is to be pinged: once a minute, while the heart is well.';

create function tocsin.claim_heartbeat(p_now timestamptz default clock_timestamp()) returns text
language plpgsql security definer set search_path = ''
as $$
begin
  if not tocsin_internal.is_heartbeat_due(p_now) then
    return null;
  end if;
  update tocsin_internal.self_watch_state set pinged_at = p_now
  where is_the_only_row
    and date_trunc('minute', coalesce(pinged_at, '-infinity')) < date_trunc('minute', p_now);
  if not found then
    return null; -- another took it just then
  end if;
  return (select heartbeat_url from tocsin.self_watch);
end
$$;

comment on function tocsin.claim_heartbeat(timestamptz) is
  'The address to ping now, for whoever asks first in a minute; null: none. For service_role.';

create function tocsin.record_heartbeat(
  p_error text default null, p_now timestamptz default clock_timestamp()
) returns void
language sql security definer set search_path = ''
as $$
  update tocsin_internal.self_watch_state
  set ping_error = left(p_error, 500),
    ping_answered_at = case when p_error is null then p_now else ping_answered_at end
  where is_the_only_row
$$;

comment on function tocsin.record_heartbeat(text, timestamptz) is
  'Records how a ping went: p_error says why it did not get through. For service_role.';

create function tocsin_internal.check_itself(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  v_watch tocsin.self_watch;
  v_state tocsin_internal.self_watch_state;
  v_text text;
begin
  select * into v_watch from tocsin.self_watch;
  select * into v_state from tocsin_internal.self_watch_state;
  select string_agg(t.title || ': ' || left(t.detail, 200), '; ' order by t.began_at) into v_text
  from tocsin.troubles t where t.ended_at is null;
  return query select 'tocsin is well', case when v_text is null then 'ok' else 'warn' end,
    coalesce(v_text, 'It finds nothing wrong with itself.'),
    case when v_text is not null then 'select title, detail, hint from tocsin.troubles where '
      'ended_at is null;' end;

  select string_agg(c.name, ', ' order by c.channel_id <> v_watch.channel_id) into v_text
  from tocsin.alert_channels c
  where c.is_enabled and c.channel_id in (v_watch.channel_id, v_watch.fallback_channel_id);
  return query select 'somebody hears of troubles', case when v_text is null then 'warn' else 'ok'
      end,
    case when v_text is not null then v_text
      when v_watch.channel_id is null and v_watch.fallback_channel_id is null
        then 'No channel is named for what is wrong with Tocsin itself.'
      else 'The channels for what is wrong with Tocsin itself are off.' end,
    case when v_text is null then 'update tocsin.self_watch set channel_id = ''…'', '
      'fallback_channel_id = ''…'' where is_the_only_row; with channels of no project.' end;

  return query select 'heartbeat', case
      when v_watch.heartbeat_url is null then 'warn'
      when v_state.ping_error is not null then 'fail'
      when v_state.ping_answered_at > p_now - interval '5 minutes'
        or v_watch.updated_at > p_now - interval '5 minutes' then 'ok'
      else 'fail' end,
    case when v_watch.heartbeat_url is null then
        'Nobody outside would notice that the database is down.'
      when v_state.ping_error is not null then 'The last ping failed: ' || v_state.ping_error
      when v_state.ping_answered_at is null then 'It was not pinged yet.'
      else 'Last answered ' || to_char(v_state.ping_answered_at at time zone 'UTC',
        'YYYY-MM-DD HH24:MI:SS') || ' UTC' end,
    case when v_watch.heartbeat_url is null then 'Make a check at a service such as '
        'healthchecks.io (period 1 minute) and name it: update tocsin.self_watch set '
        'heartbeat_url = ''https://…'' where is_the_only_row;'
      when v_state.ping_error is not null
        then 'Put heartbeat_url of tocsin.self_watch right.'
      when v_state.ping_answered_at > p_now - interval '5 minutes'
        or v_watch.updated_at > p_now - interval '5 minutes' then null
      else 'It is not pinged while the heart is not well or cannot ring: see the other checks.'
      end;
end
$$;

comment on function tocsin_internal.check_itself(timestamptz) is
  'Checks what the self-watch found, whether anybody hears of it, and the heartbeat.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.claim_heartbeat(timestamptz),
  tocsin.record_heartbeat(text, timestamptz) from public, anon, authenticated;
grant execute on function tocsin.claim_heartbeat(timestamptz),
  tocsin.record_heartbeat(text, timestamptz) to service_role;
