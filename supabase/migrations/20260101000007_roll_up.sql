-- Roll up: takes the appended outcomes and forwards the failures, in one transaction.
--
-- The delete and the send commit together, so a failure is forwarded exactly once. Rows commit out
-- of order, so there is no watermark: what can be deleted is what is there.
--
-- SECURITY DEFINER functions: none.

select tocsin_internal.ensure_queue('tocsin_failures');
select tocsin_internal.ensure_queue('tocsin_failures_dlq');

create function tocsin_internal.resolve_signals(p_outcomes tocsin_internal.run_outcomes[])
returns tocsin_internal.run_outcomes[]
language plpgsql set search_path = ''
as $$
declare
  v_outcome tocsin_internal.run_outcomes;
  v_known tocsin_internal.signaled_failures;
  v_sources text[];
  v_kept tocsin_internal.run_outcomes[];
begin
  select array_agg(source_id) into v_sources from tocsin.run_sources
  where mapping ? 'events' or mapping ? 'jobs';

  -- Only failures, and what happens to runs that failed before, need a look.
  select array_agg(o order by o.outcome_id) into v_kept
  from unnest(p_outcomes) as o
  where v_sources is null or not (o.source_id = any (v_sources))
    -- what cannot be a key cannot be told twice either
    or o.run_id is null or length(o.run_id) > 500 or (
    o.outcome not in ('failed', 'timed_out')
    and not exists (select from tocsin_internal.signaled_failures s
      where s.source_id = o.source_id and s.run_id = o.run_id)
    and not exists (select from unnest(p_outcomes) as f
      where f.source_id = o.source_id and f.run_id = o.run_id
        and f.outcome in ('failed', 'timed_out'))
  );
  if coalesce(cardinality(v_kept), 0) = cardinality(p_outcomes) then
    return p_outcomes;
  end if;

  foreach v_outcome in array array(
    select o from unnest(p_outcomes) as o
    where o.outcome_id <> all (coalesce(array(select k.outcome_id from unnest(v_kept) as k), '{}'))
    order by o.outcome_id
  ) loop
    select * into v_known from tocsin_internal.signaled_failures
    where source_id = v_outcome.source_id and run_id = v_outcome.run_id;

    if v_outcome.sign = 1 and v_outcome.outcome in ('failed', 'timed_out') then
      -- the first table that tells it counts, the others say nothing new
      if v_known.run_id is null then
        insert into tocsin_internal.signaled_failures (source_id, run_id, outcome, failed_at)
        values (v_outcome.source_id, v_outcome.run_id, v_outcome.outcome, v_outcome.captured_at);
        v_kept := v_kept || v_outcome;
      end if;
    elsif v_outcome.sign = -1 and v_outcome.outcome not in ('failed', 'timed_out') then
      v_kept := v_kept || v_outcome;
    elsif v_known.run_id is not null then
      -- the run left its failure: by a status that was failed, or for another outcome
      delete from tocsin_internal.signaled_failures
      where source_id = v_outcome.source_id and run_id = v_outcome.run_id;
      if v_outcome.sign = 1 then
        v_kept := v_kept || v_outcome;
        v_outcome.sign := -1;
        v_outcome.outcome := v_known.outcome;
      end if;
      v_kept := v_kept || v_outcome;
    elsif v_outcome.sign = 1 then
      v_kept := v_kept || v_outcome;
    end if;
  end loop;

  return v_kept;
end
$$;

comment on function tocsin_internal.resolve_signals(tocsin_internal.run_outcomes[]) is
  'Where several tables can tell that a run failed: keeps the first telling, drops the others, and '
  'takes a failure back when the run comes to another outcome.';

create function tocsin_internal.failure_time(p_outcome tocsin_internal.run_outcomes)
returns timestamptz
language sql immutable set search_path = ''
as $$
  select case when isfinite(p_outcome.finished_at)
    then least(p_outcome.finished_at, p_outcome.captured_at) else p_outcome.captured_at end
$$;

comment on function tocsin_internal.failure_time(tocsin_internal.run_outcomes) is
  'When the run failed: its own finish time, but no later than it was seen, and never infinite.';

create function tocsin_internal.roll_up_batch(p_limit int) returns int
language plpgsql set search_path = ''
as $$
declare
  v_taken tocsin_internal.run_outcomes[];
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

  select array_agg(jsonb_build_object(
      'error_id', gen_random_uuid(), 'source_id', o.source_id, 'run_id', o.run_id,
      'project_id', o.project_id, 'workflow_id', o.workflow_id, 'outcome', o.outcome,
      'failed_at', tocsin_internal.failure_time(o)) order by o.outcome_id)
  into v_failures
  from unnest(tocsin_internal.resolve_signals(v_taken)) as o
  where o.sign = 1 and o.outcome in ('failed', 'timed_out');

  if v_failures is not null then
    perform pgmq.send_batch('tocsin_failures', v_failures);
  end if;
  return cardinality(v_taken);
end
$$;

comment on function tocsin_internal.roll_up_batch(int) is
  'Takes up to p_limit pending outcomes and forwards their failures. Returns how many it took.';

create function tocsin_internal.roll_up(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_size constant int := 5000;
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_taken int;
  v_total bigint := 0;
begin
  loop
    v_taken := tocsin_internal.roll_up_batch(v_size);
    v_total := v_total + v_taken;
    exit when v_taken < v_size or clock_timestamp() > v_until;
  end loop;
  return v_total;
end
$$;

comment on function tocsin_internal.roll_up(timestamptz) is
  'Takes pending outcomes for up to two seconds. A stage of the heart. Returns how many it took.';

revoke all on all functions in schema tocsin_internal from public;
