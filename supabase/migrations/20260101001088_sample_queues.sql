-- Sampling: each queue is looked at when its time has come.
--
-- A look is a guarded read: it writes nothing, so that a queue that cannot be read costs no
-- transaction id and hinders no other. It waits for a lock of a queue's table for 50 ms at most.
-- What was found is written at the end, at once. A beat looks for a second, and at 200 queues, at
-- most: at those first that have waited longest.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.read_queue(
  p_queue tocsin.queues, p_state tocsin_internal.queue_states, p_now timestamptz
) returns tocsin_internal.queue_reading
language plpgsql stable set search_path = ''
as $$
begin
  return case p_queue.kind
    when 'pgmq' then tocsin_internal.read_pgmq(p_queue, p_state, p_now)
    when 'pgboss' then tocsin_internal.read_pgboss(p_queue, p_state, p_now) end;
end
$$;

comment on function tocsin_internal.read_queue(tocsin.queues, tocsin_internal.queue_states,
  timestamptz) is
  'Looks at a queue, of whatever kind it is. Fails when it cannot be looked at.';

create type tocsin_internal.queue_past as (
  ready_before bigint,
  seconds_before double precision,
  enqueued bigint,
  finished bigint,
  failed bigint,
  enqueued_lately bigint,
  finished_lately bigint,
  seconds_lately double precision,
  letters bigint,
  letters_total bigint,
  is_for_others boolean
);
comment on type tocsin_internal.queue_past is
  'What the samples of a queue say of the last five minutes, and of the last one (lately); how '
  'many dead letters it has now and had ever, and whether it holds those of others.';

create function tocsin_internal.add_reading(
  p_queue tocsin.queues, p_before tocsin_internal.queue_states,
  r tocsin_internal.queue_reading, p_past tocsin_internal.queue_past, p_now timestamptz
) returns tocsin_internal.queue_states
language plpgsql immutable set search_path = ''
as $$
declare
  s tocsin_internal.queue_states := p_before;
  v_is_same constant boolean := coalesce(p_before.relation = r.relation
    and p_before.sampled_at <= p_now, false);
  v_is_comparable constant boolean := v_is_same
    and p_before.storage is not distinct from r.storage
    and p_before.shape ->> 'counted_by' is not distinct from r.shape ->> 'counted_by';
  v_length constant bigint := r.ready_count + r.delayed_count + r.in_flight_count;
  v_length_before constant bigint := p_before.ready_count + p_before.delayed_count
    + p_before.in_flight_count;
  v_gone bigint;
  v_deleted bigint;
  v_seconds double precision;
  v_net double precision;
  v_judged record;
begin
  s.kind := p_queue.kind;
  s.queue_name := p_queue.queue_name;
  s.project_id := p_queue.project_id;
  s.problem := null;
  s.sampled_at := p_now;
  s.tried_at := p_now;
  s.relation := r.relation;
  s.storage := r.storage;
  if r.is_shaped then
    s.shaped_at := p_now;
  end if;
  s.shape := r.shape;
  s.has_archived := coalesce(r.has_archived, false);
  s.unproven_count := coalesce(s.unproven_count, 0);
  s.unclaimed_count := coalesce(s.unclaimed_count, 0);
  if not v_is_same then
    s.watched_since := p_now;
    s.kept_at := null;
    s.last_read_at := null;
    s.enqueued_count := null;
    s.finished_count := null;
  end if;
  s.interval_seconds := extract(epoch from p_now - s.kept_at);
  s.ready_count := r.ready_count;
  s.delayed_count := r.delayed_count;
  s.in_flight_count := r.in_flight_count;
  s.is_capped := coalesce(r.is_capped, false);
  s.estimated_length := r.estimated_length;
  s.oldest_at := r.oldest_at;
  s.oldest_age_seconds := case when r.oldest_at is not null
    then greatest(0, extract(epoch from p_now - r.oldest_at)) end;
  s.next_ready_at := r.next_ready_at;

  -- what came in and what was finished since: of the three, two give the third
  s.enqueued_count := case when v_is_comparable and r.enqueued_total >= p_before.enqueued_total
    then r.enqueued_total - p_before.enqueued_total end;
  v_gone := s.enqueued_count - v_length + v_length_before;
  v_deleted := r.deleted_total - p_before.deleted_total;
  if not v_is_comparable or r.finished_count is not null then
    s.finished_count := case when v_is_comparable then r.finished_count end;
    s.unproven_count := 0;
    s.unclaimed_count := 0;
  elsif s.is_capped or p_before.is_capped or v_gone is null then
    s.finished_count := case when v_deleted >= 0 then v_deleted + s.unclaimed_count end;
    s.unproven_count := 0;
    s.unclaimed_count := 0;
  else
    -- What came in and is not there is finished, or not committed yet; what was deleted is
    -- finished, or was rolled back. What both say has been finished. (Statistics come a little
    -- later: what is left over counts with the next look.)
    v_gone := v_gone + s.unproven_count;
    v_deleted := case when v_deleted >= 0 then v_deleted + s.unclaimed_count end;
    s.finished_count := greatest(0, least(v_gone, v_deleted));
    s.unproven_count := v_gone - s.finished_count;
    s.unclaimed_count := coalesce(v_deleted - s.finished_count, 0);
  end if;
  if s.enqueued_count is null and v_is_comparable and not s.is_capped and not p_before.is_capped
    and s.finished_count + v_length - v_length_before is not null
  then
    s.enqueued_count := greatest(0, s.finished_count + v_length - v_length_before);
  end if;
  if r.failed_count is not null then
    s.failed_count := case when v_is_comparable then r.failed_count end;
  else
    s.failed_count := case when v_is_same and p_past.letters_total >= p_before.dead_letters_total
      then p_past.letters_total - p_before.dead_letters_total end;
  end if;
  s.dead_letter_count := p_past.letters;
  s.dead_letters_total := p_past.letters_total;
  s.is_dead_letter_queue := p_past.is_for_others;

  -- a sign of a consumer: a time that was noted, rows that were changed, a head that moved on
  s.last_read_at := greatest(s.last_read_at, r.last_read_at, case
    when v_is_comparable and (r.updated_total > p_before.updated_total
      or r.deleted_total > p_before.deleted_total
      or p_before.oldest_at < r.oldest_at
      or p_before.oldest_at is not null and r.oldest_at is null) then p_now end);

  v_seconds := coalesce(p_past.seconds_lately, 0) + s.interval_seconds;
  if v_seconds > 0 then
    s.enqueued_per_second := (coalesce(p_past.enqueued_lately, 0) + s.enqueued_count) / v_seconds;
    s.finished_per_second := (coalesce(p_past.finished_lately, 0) + s.finished_count) / v_seconds;
  else
    s.enqueued_per_second := null;
    s.finished_per_second := null;
  end if;
  v_net := s.finished_per_second - s.enqueued_per_second;
  s.drain_seconds := case when r.ready_count + coalesce(r.in_flight_count, 0) = 0 then 0
    when v_net > 0 and s.is_capped then r.estimated_length / v_net
    when v_net > 0 then (r.ready_count + coalesce(r.in_flight_count, 0)) / v_net end;

  s.wait_p50_seconds := r.waits[1];
  s.wait_p95_seconds := r.waits[2];
  s.wait_p99_seconds := r.waits[3];
  s.processing_p50_seconds := r.processings[1];
  s.processing_p95_seconds := r.processings[2];
  s.processing_p99_seconds := r.processings[3];
  s.retry_share := r.retried_count::double precision / nullif(r.read_count, 0);
  s.error_rate := case when r.finished_in_window is not null
      then r.failed_in_window::double precision / nullif(r.finished_in_window, 0)
    else (coalesce(p_past.failed, 0) + s.failed_count)::double precision
      / nullif(coalesce(p_past.finished, 0) + s.finished_count, 0) end;
  if s.error_rate > 1 then
    s.error_rate := 1; -- a letter may be written before its message is deleted
  end if;
  s.poison_count := r.poison_count;
  s.unknown := coalesce(r.unknown, '{}');
  s.unknown_because := r.unknown_because;
  if p_queue.kind = 'pgmq' and p_queue.dead_letter_queue is null
    and not coalesce(s.is_dead_letter_queue, false)
  then
    s.unknown := s.unknown || array['error_rate', 'dead_letters'];
    s.unknown_because := concat_ws(' ', s.unknown_because,
      'It names no dead-letter queue: pgmq itself does not know what failed.');
  end if;
  s.enqueued_total := r.enqueued_total;
  s.updated_total := r.updated_total;
  s.deleted_total := r.deleted_total;

  select * into v_judged from tocsin_internal.judge_queue(p_queue, s,
    case when s.is_capped then coalesce(p_past.enqueued, 0) + s.enqueued_count
        - coalesce(p_past.finished, 0) - s.finished_count
      else r.ready_count - coalesce(p_past.ready_before, p_before.ready_count) end,
    coalesce(p_past.enqueued, 0) + coalesce(p_past.finished, 0) + coalesce(s.enqueued_count, 0)
      + coalesce(s.finished_count, 0) > 0);
  s.status := v_judged.status;
  s.reason := v_judged.reason;
  -- nothing new of a queue that does nothing is kept once a minute
  if s.kept_at is null or s.status <> 'idle' or p_before.status <> 'idle'
    or s.enqueued_count > 0 or s.finished_count > 0 or s.failed_count > 0
    or s.ready_count <> p_before.ready_count or s.delayed_count <> p_before.delayed_count
    or s.dead_letter_count is distinct from p_before.dead_letter_count
    or s.poison_count is distinct from p_before.poison_count
    or s.kept_at <= p_now - interval '59 seconds'
  then
    s.kept_at := p_now;
  end if;
  return s;
end
$$;

comment on function tocsin_internal.add_reading(tocsin.queues, tocsin_internal.queue_states,
  tocsin_internal.queue_reading, tocsin_internal.queue_past, timestamptz) is
  'What a queue looks like by what was just read, and by what it looked like before. A sample of '
  'it is kept when kept_at is now.';

create function tocsin_internal.keep_queue_states(p_states tocsin_internal.queue_states[])
returns void
language plpgsql set search_path = ''
as $$
declare
  v_columns text;
  v_metrics text;
begin
  select string_agg(format('%1$I = excluded.%1$I', a.attname), ', '),
    string_agg(format('%I', a.attname), ', ' order by a.attnum) filter (where exists (
      select from pg_catalog.pg_attribute m
      where m.attrelid = 'tocsin.queue_metrics'::regclass and m.attname = a.attname
        and m.attnum > 0))
  into v_columns, v_metrics
  from pg_catalog.pg_attribute a
  where a.attrelid = 'tocsin_internal.queue_states'::regclass and a.attnum > 0
    and not a.attisdropped;
  -- a queue that was taken out of tocsin.queues meanwhile has no state any more
  execute format('insert into tocsin_internal.queue_states select s.* from unnest($1) as s '
    'where exists (select from tocsin.queues q where q.kind = s.kind '
    'and q.queue_name = s.queue_name) '
    'on conflict (kind, queue_name) do update set %s', v_columns) using p_states;
  execute format('insert into tocsin.queue_metrics (%1$s) select %1$s from unnest($1) as s '
    'where s.kept_at = s.sampled_at and s.problem is null on conflict do nothing', v_metrics)
  using p_states;
end
$$;

comment on function tocsin_internal.keep_queue_states(tocsin_internal.queue_states[]) is
  'Writes down what queues look like, and a sample of each that is to be kept.';

create function tocsin_internal.sample_queues(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off set lock_timeout = '50ms'
as $$
declare
  v_began constant timestamptz := clock_timestamp();
  v record;
  v_state tocsin_internal.queue_states;
  v_reading tocsin_internal.queue_reading;
  v_states tocsin_internal.queue_states[] := '{}';
  v_changed text[] := '{}';
begin
  perform tocsin_internal.find_queues(p_now);
  delete from tocsin_internal.queue_states s using tocsin.queues q
  where q.kind = s.kind and q.queue_name = s.queue_name
    and (q.dropped_at is not null or q.is_ignored);

  for v in
    select q as queue, s as state, row(h.ready_before, h.seconds_before, h.enqueued, h.finished,
      h.failed, h.enqueued_lately, h.finished_lately, h.seconds_lately, d.letters,
      d.letters_total, d.is_for_others)::tocsin_internal.queue_past as past
    from tocsin.queues q
    left join tocsin_internal.queue_states s on s.kind = q.kind and s.queue_name = q.queue_name
    left join lateral (
      select (array_agg(m.ready_count order by m.sampled_at))[1] as ready_before,
        extract(epoch from p_now - min(m.sampled_at)) as seconds_before,
        sum(m.enqueued_count) as enqueued, sum(m.finished_count) as finished,
        sum(m.failed_count) as failed,
        sum(m.enqueued_count) filter (where m.sampled_at > p_now - interval '55 seconds')
          as enqueued_lately,
        sum(m.finished_count) filter (where m.sampled_at > p_now - interval '55 seconds')
          as finished_lately,
        sum(m.interval_seconds) filter (where m.sampled_at > p_now - interval '55 seconds')
          as seconds_lately
      from tocsin.queue_metrics m
      where m.kind = q.kind and m.queue_name = q.queue_name and m.sampled_at < p_now
        and m.sampled_at > p_now - interval '305 seconds' and m.sampled_at >= s.watched_since
    -- nothing happened to one that is idle, and it has no more than it had
    ) as h on s.status <> 'idle'
    cross join lateral (
      select (
          select least(l.ready_count + l.delayed_count + coalesce(l.in_flight_count, 0), 10000)
          from tocsin_internal.queue_states l
          where l.kind = q.kind and l.queue_name = q.dead_letter_queue and l.problem is null
        ) as letters,
        (
          select l.enqueued_total from tocsin_internal.queue_states l
          where l.kind = q.kind and l.queue_name = q.dead_letter_queue
        ) as letters_total,
        exists (select from tocsin.queues o
          where o.kind = q.kind and o.dead_letter_queue = q.queue_name) as is_for_others
    ) as d
    where q.found_at is not null and q.dropped_at is null and not q.is_ignored
      -- at the beat that is nearest to its time
      and (s.tried_at is null or s.tried_at <= p_now - q.sample_interval + interval '2 seconds'
        -- the clock was put back
        or s.tried_at > p_now)
    order by s.tried_at nulls first
  loop
    -- the locks of all that was looked at are held until the end, some eight for each queue, and
    -- the server has room for some thousands
    exit when clock_timestamp() - v_began > interval '1 second' or cardinality(v_states) >= 200;
    v_state := v.state;
    begin
      v_reading := tocsin_internal.read_queue(v.queue, v.state, p_now);
      v_state := tocsin_internal.add_reading(v.queue, v.state, v_reading, v.past, p_now);
    exception when others then
      v_state := v.state;
      v_state.kind := (v.queue).kind;
      v_state.queue_name := (v.queue).queue_name;
      v_state.project_id := (v.queue).project_id;
      v_state.watched_since := coalesce(v_state.watched_since, p_now);
      v_state.is_capped := coalesce(v_state.is_capped, false);
      v_state.is_dead_letter_queue := (v.past).is_for_others;
      v_state.unknown := coalesce(v_state.unknown, '{}');
      v_state.unproven_count := 0;
      v_state.unclaimed_count := 0;
      v_state.has_archived := false;
      v_state.shape := null;
      v_state.tried_at := p_now;
      v_state.problem := left(sqlerrm, 500);
    end;
    if (v.state).sampled_at is null or v_state.problem is distinct from (v.state).problem
      or v_state.finished_count > 0 or v_state.enqueued_count > 0
      or (v_state.status, v_state.ready_count, v_state.delayed_count, v_state.in_flight_count,
        v_state.dead_letter_count, v_state.poison_count) is distinct from ((v.state).status,
        (v.state).ready_count, (v.state).delayed_count, (v.state).in_flight_count,
        (v.state).dead_letter_count, (v.state).poison_count)
    then
      v_changed := v_changed || v_state.project_id;
    end if;
    v_states := v_states || v_state;
  end loop;

  if v_states <> '{}' then
    perform tocsin_internal.keep_queue_states(v_states);
  end if;
  if v_changed <> '{}' then
    perform tocsin_internal.hint_projects('queues', v_changed, p_now);
  end if;
  return cardinality(v_states);
end
$$;

comment on function tocsin_internal.sample_queues(timestamptz) is
  'Finds the queues that there are, and looks at those whose time has come. A stage of the heart. '
  'Returns at how many it looked.';

revoke all on all functions in schema tocsin_internal from public;
