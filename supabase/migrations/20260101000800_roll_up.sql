-- Roll up: takes the appended outcomes, counts them and forwards the failures, in one transaction.
--
-- The delete and the send commit together, so a failure is forwarded exactly once. Rows commit out
-- of order, so there is no watermark: what can be deleted is what is there.
--
-- SECURITY DEFINER functions: none.

select tocsin_internal.ensure_queue('tocsin_failures');
select tocsin_internal.ensure_queue('tocsin_failures_dlq');

create function tocsin_internal.resolve_signals(p_outcomes tocsin_internal.run_outcomes[])
returns setof tocsin_internal.run_outcomes
language sql stable set search_path = ''
as $$
  with outcome as materialized (
    select o.*, o.sign = 1 and o.outcome in ('failed', 'timed_out') as fails,
      case when o.outcome in ('failed', 'timed_out') then o.sign = -1 else o.sign = 1 end as leaves
    from unnest(p_outcomes) as o
  ),
  -- what the rows before it, or roll-ups before them, made of the run
  told as (
    select o.*, coalesce(o.before, s.run_id is not null) as has_failed,
      coalesce(o.outcome_before, s.outcome) as failed_as,
      coalesce(o.finished_before, s.failed_at) as failed_at
    from (
      select *, lag(fails) over run as before, lag(outcome) over run as outcome_before,
        lag(finished_at) over run as finished_before
      from outcome where fails or leaves
      window run as (partition by source_id, run_id order by outcome_id)
    ) as o
    left join tocsin_internal.signaled_failures s
      on s.source_id = o.source_id and s.run_id = o.run_id
  )
  -- neither fails nor leaves a failure
  select outcome_id, source_id, run_id, project_id, workflow_id, outcome, sign, signal, started_at,
    finished_at, captured_at
  from outcome where not (fails or leaves)
  union all
  -- the first table that tells a failure counts, the others say nothing new; what was not counted
  -- as failed cannot be taken back
  select outcome_id, source_id, run_id, project_id, workflow_id, outcome, sign, signal, started_at,
    finished_at, captured_at
  from told where case when fails then not has_failed else sign = 1 or has_failed end
  union all
  -- a run that failed and came to another outcome after all
  select outcome_id, source_id, run_id, project_id, workflow_id, failed_as, -1, signal, started_at,
    failed_at, captured_at
  from told where leaves and sign = 1 and has_failed
$$;

comment on function tocsin_internal.resolve_signals(tocsin_internal.run_outcomes[]) is
  'For outcomes of sources where several tables can tell that a run failed: keeps the first '
  'telling, '
  'drops the others, and takes a failure back when the run comes to another outcome.';

create function tocsin_internal.remember_signals(p_outcomes tocsin_internal.run_outcomes[])
returns void
language sql set search_path = ''
as $$
  with last as (
    select distinct on (o.source_id, o.run_id) o.*
    from unnest(p_outcomes) as o
    where o.outcome in ('failed', 'timed_out') or o.sign = 1
    order by o.source_id, o.run_id, o.outcome_id desc
  ),
  forgotten as (
    delete from tocsin_internal.signaled_failures s using last l
    where s.source_id = l.source_id and s.run_id = l.run_id
      and not (l.sign = 1 and l.outcome in ('failed', 'timed_out'))
  )
  insert into tocsin_internal.signaled_failures
    (source_id, run_id, project_id, outcome, failed_at)
  select l.source_id, l.run_id, coalesce(l.project_id, ''), l.outcome,
    coalesce(l.finished_at, l.captured_at)
  from last l where l.sign = 1 and l.outcome in ('failed', 'timed_out')
  on conflict (source_id, run_id) do nothing
$$;

comment on function tocsin_internal.remember_signals(tocsin_internal.run_outcomes[]) is
  'Keeps signaled_failures up to date with outcomes that resolve_signals() has seen.';

create function tocsin_internal.failure_time(p_outcome tocsin_internal.run_outcomes)
returns timestamptz
language sql immutable set search_path = ''
as $$
  select case when isfinite(p_outcome.finished_at)
      and p_outcome.finished_at >= '2000-01-01 00:00:00+00'
    then least(p_outcome.finished_at, p_outcome.captured_at) else p_outcome.captured_at end
$$;

comment on function tocsin_internal.failure_time(tocsin_internal.run_outcomes) is
  'When the run failed: its own finish time, but no later than it was seen; or when it was seen, '
  'where that is infinite or before 2000.';

create function tocsin_internal.leave_uncounted(p_outcomes tocsin_internal.run_outcomes[])
returns tocsin_internal.run_outcomes[]
language plpgsql set search_path = ''
as $$
declare
  v_outside tocsin_internal.run_outcomes[];
  v_ignored bigint[];
begin
  -- all but a few finished since their source is watched
  v_outside := array(
    select o from unnest(p_outcomes) as o
    join tocsin_internal.counted_ranges c on c.source_id = o.source_id
    where not c.ranges @> coalesce(o.finished_at, o.captured_at));
  if cardinality(v_outside) = 0 then
    return p_outcomes;
  end if;

  -- taken back without ever having been counted
  v_ignored := array(
    select o.outcome_id from unnest(v_outside) as o
    where o.sign = -1
      and not exists (
        select from tocsin_internal.counted_late l
        where l.source_id = o.source_id and l.run_id = o.run_id)
      and not exists (
        select from unnest(v_outside) as earlier
        where earlier.source_id = o.source_id and earlier.run_id = o.run_id and earlier.sign = 1
          and earlier.outcome_id < o.outcome_id));

  -- written after the watch began, with an older time: counted, and a backfill shall leave it out
  insert into tocsin_internal.counted_late (source_id, run_id, project_id)
  select distinct on (o.source_id, o.run_id) o.source_id, o.run_id, coalesce(o.project_id, '')
  from unnest(v_outside) as o
  where o.sign = 1 and o.run_id is not null and length(o.run_id) <= 500
  on conflict do nothing;

  return array(
    select o from unnest(p_outcomes) as o
    where not (o.sign = -1 and o.outcome_id = any (v_ignored)));
end
$$;

comment on function tocsin_internal.leave_uncounted(tocsin_internal.run_outcomes[]) is
  'Without what would take back a run that was never counted: one that finished before its source '
  'was watched, outside of what was backfilled.';

create function tocsin_internal.roll_up_batch(p_limit int, p_now timestamptz) returns int
language plpgsql set search_path = ''
as $$
declare
  v_taken tocsin_internal.run_outcomes[];
  v_signaled tocsin_internal.run_outcomes[];
  v_resolved tocsin_internal.run_outcomes[];
  v_failures jsonb[];
begin
  with batch as (
    select outcome_id from tocsin_internal.run_outcomes order by outcome_id limit p_limit
    for update skip locked
  ),
  taken as (
    delete from tocsin_internal.run_outcomes o using batch b where o.outcome_id = b.outcome_id
    returning o
  )
  select array_agg(o) into v_taken from taken;

  if v_taken is null then
    return 0;
  end if;

  -- what cannot be a key cannot be told twice either
  v_signaled := array(select o from unnest(v_taken) as o
    where o.signal is not null and length(o.run_id) <= 500);
  if cardinality(v_signaled) > 0 then
    v_resolved := array(select o from unnest(v_taken) as o
        where o.signal is null or o.run_id is null or length(o.run_id) > 500)
      || array(select o from tocsin_internal.resolve_signals(v_signaled) as o);
    perform tocsin_internal.remember_signals(v_signaled);
  else
    v_resolved := v_taken;
  end if;

  perform tocsin_internal.count_outcomes(tocsin_internal.leave_uncounted(v_resolved), p_now);

  select array_agg(jsonb_build_object(
      'error_id', gen_random_uuid(), 'source_id', o.source_id, 'run_id', left(o.run_id, 500),
      'project_id', left(o.project_id, 200), 'workflow_id', left(o.workflow_id, 200),
      'outcome', o.outcome,
      'failed_at', tocsin_internal.failure_time(o)) order by o.outcome_id)
  into v_failures
  from unnest(v_resolved) as o
  where o.sign = 1 and o.outcome in ('failed', 'timed_out');

  if v_failures is not null then
    perform pgmq.send_batch('tocsin_failures', v_failures);
  end if;
  return cardinality(v_taken);
end
$$;

comment on function tocsin_internal.roll_up_batch(int, timestamptz) is
  'Takes up to p_limit pending outcomes, counts them and forwards their failures. Returns how many '
  'it took.';

create function tocsin_internal.roll_up(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_size constant int := 20000;
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_taken int;
  v_total bigint := 0;
begin
  loop
    v_taken := tocsin_internal.roll_up_batch(v_size, p_now);
    v_total := v_total + v_taken;
    exit when v_taken < v_size or clock_timestamp() > v_until;
  end loop;
  return v_total;
end
$$;

comment on function tocsin_internal.roll_up(timestamptz) is
  'Takes pending outcomes for up to two seconds. A stage of the heart. Returns how many it took.';

revoke all on all functions in schema tocsin_internal from public;
