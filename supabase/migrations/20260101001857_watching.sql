-- Watching: finds what is wrong with Tocsin itself, once a minute, and tells it.
--
-- A trouble is told when it is found, again each repeat_interval, and when it is over. It is
-- written straight into notifications and deliveries: settings, matching and admission may be what
-- is wrong. No trouble is about the telling of a trouble: such deliveries are left out of what is
-- looked at, so that nothing goes round in a circle.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.is_own_notice(p_notification_id uuid) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from tocsin.notifications n
    where n.notification_id = p_notification_id and n.setting_id is null
      and n.content ->> 'kind' = 'tocsin_unwell')
$$;

comment on function tocsin_internal.is_own_notice(uuid) is
  'Whether a notification tells a trouble of Tocsin''s own.';

-- What is wrong -----------------------------------------------------------------------------------

create function tocsin_internal.find_heart_troubles(p_now timestamptz)
returns table (kind text, title text, detail text, hint text)
language sql stable set search_path = ''
as $$
  -- a stage that stumbles over one bad message and goes on has run to its end since
  with failing as (
    select f.stage, count(*) as times, max(f.happened_at) as at,
      (array_agg(f.message order by f.fault_id desc))[1] as message
    from tocsin_internal.stage_faults f
    left join tocsin_internal.stages s on s.stage = f.stage
    where f.happened_at > p_now - interval '5 minutes' and f.happened_at <= p_now
      and f.stage = any (tocsin_internal.stage_names())
      and f.happened_at > coalesce(s.last_run_at, '-infinity')
    group by f.stage having count(*) >= 3
  )
  select 'stage_failing', 'The heart keeps failing at ' || string_agg(f.stage, ', '
      order by f.stage),
    string_agg(format('%s: %s times within five minutes, the last: %s', f.stage, f.times,
      left(f.message, 300)), '; ' order by f.stage),
    'select * from tocsin_internal.stage_faults order by fault_id desc;'
  from failing f having count(*) > 0
  union all
  select 'upkeep_failing', 'The hourly upkeep keeps failing',
    string_agg(format('%s: %s', f.detail, left(f.message, 300)), '; ' order by f.detail),
    'select * from tocsin_internal.stage_faults where stage = ''maintain'' order by fault_id desc;'
  from (
    select detail, max(message) as message from tocsin_internal.stage_faults
    where stage = 'maintain' and happened_at > p_now - interval '130 minutes'
    group by detail having count(distinct date_trunc('hour', happened_at)) >= 2
  ) as f having count(*) > 0
  union all
  select 'heart_late', 'The heart beats late', format('Within ten minutes %s beats were late; the '
      'longest wait for one was %s.', sum(b.late_count),
      tocsin_internal.say_interval(max(b.longest_gap))),
    'select * from cron.job_run_details order by runid desc limit 20; what takes long is in '
    'tocsin.self_metrics.'
  from tocsin_internal.beats b
  where b.minute_at > p_now - interval '10 minutes'
  having sum(b.late_count) * tocsin_internal.beat_interval() >= interval '1 minute'
$$;

comment on function tocsin_internal.find_heart_troubles(timestamptz) is
  'What is wrong with the heart and the upkeep.';

create function tocsin_internal.oldest_message(p_queue text) returns timestamptz
language plpgsql stable set search_path = ''
as $$
declare
  v_at timestamptz;
begin
  if to_regclass('pgmq.q_' || p_queue) is not null then
    execute format('select enqueued_at from pgmq.%I order by msg_id limit 1', 'q_' || p_queue)
    into v_at;
  end if;
  return v_at;
end
$$;

comment on function tocsin_internal.oldest_message(text) is
  'When the first message of a queue was sent; null: there is none.';

create function tocsin_internal.find_waiting(p_now timestamptz)
returns table (kind text, title text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
begin
  return query
  select 'failures_waiting', 'Failures wait to be decided', format('The oldest of %s waits since '
      '%s UTC.', string_agg(w.what, ' and of '), to_char(min(w.at) at time zone 'UTC',
      'YYYY-MM-DD HH24:MI')), 'select * from tocsin.self_metrics where metric ~ ''backlog'';'
  from (
    select 'outcomes' as what, (select o.captured_at from tocsin_internal.run_outcomes o
      where o.outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
      order by o.outcome_id limit 1) as at
    union all
    select 'failures', tocsin_internal.oldest_message('tocsin_failures')
  ) as w
  where w.at < p_now - interval '10 minutes'
  having count(*) > 0;

  -- what waits for a channel that rests, or for its turn in a provider's pace, is not late
  return query
  select 'deliveries_waiting', 'Deliveries wait to be sent', format('%s should have been sent, the '
      'first at %s UTC.', count(*), to_char(min(d.next_attempt_at) at time zone 'UTC',
      'YYYY-MM-DD HH24:MI')),
    'select * from tocsin.doctor(); the log of tocsin-notify says what it does.'
  from (
    select * from tocsin.deliveries d join tocsin_internal.sendable_channels(p_now) c
      using (channel_id)
    where d.state = 'pending' and d.next_attempt_at < p_now - interval '5 minutes'
      and (c.gap is null or c.free_at < p_now - interval '5 minutes')
    limit 1000
  ) as d
  where not tocsin_internal.is_own_notice(d.notification_id)
  having count(*) > 0;
end
$$;

comment on function tocsin_internal.find_waiting(timestamptz) is
  'What waits and should not: queues that do not drain.';

create function tocsin_internal.find_dead_letters(p_now timestamptz)
returns table (kind text, title text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  v_failures bigint := 0;
  v_deliveries bigint := 0;
begin
  if to_regclass('pgmq.q_tocsin_failures_dlq') is not null then
    select count(*) into v_failures from pgmq.q_tocsin_failures_dlq
    where enqueued_at > p_now - interval '1 hour';
  end if;
  if to_regclass('pgmq.q_tocsin_deliveries_dlq') is not null then
    select count(*) into v_deliveries
    from pgmq.q_tocsin_deliveries_dlq q
    join tocsin.deliveries d on d.delivery_id = case
      when q.message ->> 'delivery_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
      then (q.message ->> 'delivery_id')::uuid end
    where q.enqueued_at > p_now - interval '1 hour' and d.state = 'dead'
      and not tocsin_internal.is_own_notice(d.notification_id);
  end if;
  if v_failures + v_deliveries > 0 then
    return query select 'dead_letters', 'Tocsin gave up',
      format('Within an hour: %s deliveries, and %s failures that could not be stored.',
        v_deliveries, v_failures),
      'select channel_name, last_error, created_at from tocsin.deliveries where state = ''dead'' '
      'order by created_at desc; tocsin.retry_delivery() replays. '
      'select message from pgmq.q_tocsin_failures_dlq;';
  end if;
end
$$;

comment on function tocsin_internal.find_dead_letters(timestamptz) is
  'What was given up within an hour.';

create function tocsin_internal.find_other_troubles(p_now timestamptz)
returns table (kind text, title text, detail text, hint text)
language sql stable set search_path = ''
as $$
  select 'unaccounted_events', 'Events have no account', format('%s of a day have no decision, or '
      'one that leads nowhere.', s.unaccounted_count),
    'select * from tocsin.unaccounted_events; and please report it.'
  from tocsin_internal.self_watch_state s where s.unaccounted_count > 0
  union all
  -- made a week ahead: when none lies ahead, the upkeep has not run for days
  select 'partitions_missing', 'Partitions are missing', 'None lies ahead for '
      || string_agg(t.name, ', '), 'select tocsin_internal.maintain(); and see that pg_cron has '
      'the job tocsin-upkeep: select tocsin.setup();'
  from unnest(array['tocsin.error_metrics', 'tocsin.alert_logs']) as t (name)
  where not exists (
    select from tocsin_internal.partitions_of(to_regclass(t.name)) as p
    where p.day > (p_now at time zone 'UTC')::date)
  having count(*) > 0
  union all
  select 'api_errors', 'tocsin-api fails', format('Of %s requests within 15 minutes %s were '
      'answered with a status of 500 or more.', sum(r.request_count),
      sum(r.request_count) filter (where r.status_class = 5)),
    'The log of tocsin-api says why.'
  from tocsin_internal.api_requests r
  where r.slot_at > p_now - interval '20 minutes' and r.slot_at <= p_now
  having sum(r.request_count) filter (where r.status_class = 5)
    >= greatest(10, 0.05 * sum(r.request_count))
  union all
  select 'heartbeat_failing', 'The heartbeat does not get through', format('%s: %s',
      case when s.ping_answered_at is null then 'It never did' else 'Not since '
        || to_char(s.ping_answered_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC' end,
      s.ping_error), 'Put heartbeat_url right: select * from tocsin.self_watch;'
  from tocsin_internal.self_watch_state s cross join tocsin.self_watch w
  where w.heartbeat_url is not null and s.ping_error is not null
    and coalesce(s.ping_answered_at, w.updated_at) < p_now - interval '5 minutes'
$$;

comment on function tocsin_internal.find_other_troubles(timestamptz) is
  'What else is wrong: accounts, partitions, the API, the heartbeat.';

-- Telling -----------------------------------------------------------------------------------------

create function tocsin_internal.tell_trouble(
  p_trouble tocsin.troubles, p_purpose text, p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_id constant uuid := gen_random_uuid();
  v_channel_id uuid;
begin
  -- the first that is on and not resting; else whichever is on
  select c.channel_id into v_channel_id
  from tocsin.self_watch w
  join tocsin.alert_channels c on c.channel_id in (w.channel_id, w.fallback_channel_id)
  left join tocsin.channel_states s on s.channel_id = c.channel_id
  where c.is_enabled
  order by coalesce(s.state, 'closed') <> 'closed', c.channel_id <> w.channel_id limit 1;
  if v_channel_id is null then
    return;
  end if;
  insert into tocsin.notifications (notification_id, setting_id, project_id, workflow_id, purpose,
    content, decided_at)
  values (v_id, null, '', '', p_purpose, jsonb_build_object('version', 1, 'notification_id', v_id,
    'purpose', p_purpose, 'kind', 'tocsin_unwell', 'severity', p_trouble.severity,
    'title', case p_purpose when 'resolved' then 'Over: ' else 'Tocsin itself: ' end
      || p_trouble.title,
    'facts', jsonb_build_array(
      jsonb_build_object('label', 'Found', 'value', tocsin_internal.redact(p_trouble.detail)),
      jsonb_build_object('label', 'Since', 'value', tocsin_internal.say_time(p_trouble.began_at)))
      || case when p_purpose = 'resolved' then '[]' else jsonb_build_array(
        jsonb_build_object('label', 'Next step', 'value', p_trouble.hint)) end,
    'setting', jsonb_build_object('setting_id', null, 'name', null), 'project_id', '',
    'workflow_id', p_trouble.kind, 'workflow_name', null, 'event', null, 'alert', null,
    'items', null, 'held_back', null, 'throttle', null, 'decided_at', p_now), p_now);
  perform tocsin_internal.make_deliveries(v_id, array[v_channel_id], p_now);
  update tocsin.troubles set told_at = p_now where trouble_id = p_trouble.trouble_id;
end
$$;

comment on function tocsin_internal.tell_trouble(tocsin.troubles, text, timestamptz) is
  'Tells a trouble through the channel of self_watch, or through its fallback when that one is off '
  'or resting. Without either, nobody is told.';

create function tocsin_internal.fall_back(p_now timestamptz) returns void
language sql set search_path = ''
as $$
  select tocsin_internal.make_deliveries(n.notification_id, array[c.channel_id], p_now)
  from tocsin.notifications n
  cross join tocsin.self_watch w
  join tocsin.alert_channels c on c.channel_id in (w.channel_id, w.fallback_channel_id)
  where n.decided_at between p_now - interval '1 day' and p_now - interval '2 minutes'
    and n.setting_id is null and n.content ->> 'kind' = 'tocsin_unwell' and c.is_enabled
    and not exists (
      select from tocsin.deliveries d where d.notification_id = n.notification_id
        and (d.state = 'delivered' or d.channel_id = c.channel_id))
$$;

comment on function tocsin_internal.fall_back(timestamptz) is
  'Gives to the other channel of self_watch what the one did not take within two minutes.';

create function tocsin_internal.watch_itself(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_trouble tocsin.troubles;
  v_count bigint := 0;
begin
  update tocsin_internal.self_watch_state set checked_at = p_now
  where is_the_only_row
    and date_trunc('minute', checked_at) is distinct from date_trunc('minute', p_now);
  if not found then
    return 0;
  end if;

  insert into tocsin.troubles as t (kind, severity, title, detail, hint, began_at, seen_at)
  select f.kind::tocsin.trouble_kind, case when f.kind in ('upkeep_failing', 'api_errors',
      'partitions_missing') then 'medium' else 'high' end::tocsin.severity,
    f.title, f.detail, f.hint, p_now, p_now
  from (
    select * from tocsin_internal.find_heart_troubles(p_now)
    union all
    select * from tocsin_internal.find_waiting(p_now)
    union all
    select * from tocsin_internal.find_dead_letters(p_now)
    union all
    select * from tocsin_internal.find_other_troubles(p_now)
  ) as f
  on conflict (kind) where ended_at is null do update
    set seen_at = excluded.seen_at, title = excluded.title, detail = excluded.detail;

  for v_trouble in
    select t.* from tocsin.troubles t cross join tocsin.self_watch w
    where t.ended_at is null and (t.told_at is null and t.seen_at = p_now
      or w.repeat_interval > interval '0' and t.seen_at = p_now
        and t.told_at <= p_now - w.repeat_interval)
    order by t.began_at, t.kind
  loop
    perform tocsin_internal.tell_trouble(v_trouble,
      case when v_trouble.told_at is null then 'first' else 'repeat' end, p_now);
    v_count := v_count + 1;
  end loop;

  -- not at the first minute without it: what comes and goes is one trouble
  for v_trouble in
    update tocsin.troubles set ended_at = p_now
    where ended_at is null and seen_at <= p_now - interval '5 minutes' returning *
  loop
    if v_trouble.told_at is not null then
      perform tocsin_internal.tell_trouble(v_trouble, 'resolved', p_now);
    end if;
  end loop;
  perform tocsin_internal.fall_back(p_now);
  return v_count;
end
$$;

comment on function tocsin_internal.watch_itself(timestamptz) is
  'Once a minute, finds what is wrong with Tocsin itself, tells it, and tells when it is over. A '
  'stage of the heart.';

revoke all on all functions in schema tocsin_internal from public;
