-- The status of a queue, and the reason in words.
--
--   stalled      messages are ready, none is in flight, and nothing was read for stalled_after
--   backing_up   backing_up_over messages more are ready than five minutes ago, and more came in
--                than was finished
--   slow         the oldest ready message, or one of twenty, waited for slow_after
--   idle         nothing to do, and nothing was done within five minutes
--   healthy      else
--
-- The first that holds counts. A message that is not due yet is no backlog. A dead-letter queue
-- is read by people: it is never slow, backing up or stalled.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.say_count(p_count bigint, p_is_capped boolean) returns text
language sql immutable set search_path = ''
as $$
  select case when p_is_capped and p_count >= 10000 then 'over ' else '' end
    || trim(to_char(p_count, 'FM999,999,999,999'))
$$;

comment on function tocsin_internal.say_count(bigint, boolean) is
  'A count in words: 1,234, or over 10,000.';

create function tocsin_internal.judge_queue(
  p_queue tocsin.queues, p_state tocsin_internal.queue_states, p_grown_by bigint,
  p_is_active boolean, out status tocsin.queue_status, out reason text
)
language plpgsql immutable set search_path = ''
as $$
declare
  v_unread constant double precision := extract(epoch from p_state.sampled_at
    - coalesce(p_state.last_read_at, p_state.watched_since));
  v_ready constant text := tocsin_internal.say_count(p_state.ready_count, p_state.is_capped);
  v_enqueued constant double precision := p_state.enqueued_per_second;
  v_finished constant double precision := p_state.finished_per_second;
begin
  if p_state.is_dead_letter_queue then
    status := 'idle';
    reason := case when p_state.ready_count + p_state.delayed_count
        + coalesce(p_state.in_flight_count, 0) = 0 then 'No dead letters.'
      else format('%s dead %s to be looked at.', tocsin_internal.say_count(p_state.ready_count
          + p_state.delayed_count + coalesce(p_state.in_flight_count, 0), p_state.is_capped),
        case when p_state.ready_count + p_state.delayed_count
          + coalesce(p_state.in_flight_count, 0) = 1 then 'letter waits' else 'letters wait' end)
      end;
    return;
  elsif p_state.ready_count > 0 and p_state.in_flight_count = 0
    and p_state.oldest_age_seconds >= extract(epoch from p_queue.stalled_after)
    and v_unread >= extract(epoch from p_queue.stalled_after)
  then
    status := 'stalled';
    reason := format('%s ready, the oldest for %s, and nothing has been read %s.',
      v_ready, tocsin_internal.say_seconds(p_state.oldest_age_seconds),
      case when p_state.last_read_at is null
        then format('since it is watched, %s ago', tocsin_internal.say_seconds(v_unread))
        else 'for ' || tocsin_internal.say_seconds(v_unread) end);
  elsif p_grown_by >= p_queue.backing_up_over
    and (v_finished is null or v_enqueued is null or v_enqueued >= v_finished
      or p_state.drain_seconds is null
      or p_state.drain_seconds > extract(epoch from p_queue.slow_after))
  then
    status := 'backing_up';
    reason := format('%s more than five minutes ago: %s are ready now.',
      trim(to_char(p_grown_by, 'FM999,999,999,999')), v_ready);
  elsif p_state.oldest_age_seconds >= extract(epoch from p_queue.slow_after)
    or p_state.wait_p95_seconds >= extract(epoch from p_queue.slow_after)
  then
    status := 'slow';
    reason := case
      when p_state.oldest_age_seconds >= extract(epoch from p_queue.slow_after)
        then format('The oldest of %s ready has waited for %s.', v_ready,
          tocsin_internal.say_seconds(p_state.oldest_age_seconds))
      else format('One message of twenty waits for %s or longer.',
        tocsin_internal.say_seconds(p_state.wait_p95_seconds)) end;
  elsif p_state.ready_count = 0 and coalesce(p_state.in_flight_count, 0) = 0 and not p_is_active
  then
    status := 'idle';
    reason := case when p_state.delayed_count = 0 then 'Nothing to do.'
      else format('Nothing is due: %s delayed, the next in %s.',
        tocsin_internal.say_count(p_state.delayed_count, p_state.is_capped),
        tocsin_internal.say_seconds(extract(epoch from
          p_state.next_ready_at - p_state.sampled_at))) end;
  else
    status := 'healthy';
    reason := format('%s ready, %s in flight.', v_ready,
      coalesce(tocsin_internal.say_count(p_state.in_flight_count, p_state.is_capped),
        'an unknown number'))
      || case when p_state.oldest_age_seconds is not null then format(
        ' The oldest has waited for %s.',
        tocsin_internal.say_seconds(p_state.oldest_age_seconds)) else '' end;
  end if;

  if status in ('backing_up', 'slow') then
    reason := reason || case
      when v_enqueued is null or v_finished is null then ''
      else format(' %s/s come in, %s/s are finished', round(v_enqueued::numeric, 1),
        round(v_finished::numeric, 1)) || case when p_state.drain_seconds is null
          then ': at this pace it does not drain.'
          else format(': it is empty in %s.',
            tocsin_internal.say_seconds(p_state.drain_seconds)) end end;
  end if;
  if p_state.poison_count > 0 then
    reason := reason || format(' %s %s read more than %s times.', p_state.poison_count,
      case p_state.poison_count when 1 then 'message was' else 'messages were' end,
      p_queue.poison_reads);
  end if;
  if p_state.dead_letter_count > 0 then
    reason := reason || format(' %s in %s.', case p_state.dead_letter_count
      when 1 then '1 dead letter' else tocsin_internal.say_count(p_state.dead_letter_count,
        p_state.dead_letter_count >= 10000) || ' dead letters' end, p_queue.dead_letter_queue);
  end if;
end
$$;

comment on function tocsin_internal.judge_queue(tocsin.queues, tocsin_internal.queue_states, bigint,
  boolean) is
  'The status of a queue and the reason. p_grown_by: how many more are ready than five minutes '
  'ago; p_is_active: whether anything came in or was finished since.';

revoke all on all functions in schema tocsin_internal from public;
