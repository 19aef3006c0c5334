-- Roll up: takes the appended outcomes, counts them and forwards the failures, in one transaction.
--
-- The delete and the send commit together, so a failure is forwarded exactly once. Rows commit out
-- of order, so there is no watermark: what can be deleted is what is there, from the floor on.
--
-- SECURITY DEFINER functions: none.

select tocsin_internal.ensure_queue('tocsin_failures');
select tocsin_internal.ensure_queue('tocsin_failures_dlq');

create table tocsin_internal.outcomes_set_aside (
  outcome_id bigint primary key,
  outcome jsonb not null,
  problem text not null,
  set_aside_at timestamptz not null
);

comment on table tocsin_internal.outcomes_set_aside is
  'Outcomes that could not be counted, with the reason. Empty unless there is a fault in Tocsin or '
  'a '
  'row that nobody foresaw; their failures were told all the same. Kept 90 days.';
comment on column tocsin_internal.outcomes_set_aside.outcome_id is 'The outcome.';
comment on column tocsin_internal.outcomes_set_aside.outcome is 'What was appended.';
comment on column tocsin_internal.outcomes_set_aside.problem is 'Why it could not be counted.';
comment on column tocsin_internal.outcomes_set_aside.set_aside_at is 'When it was given up.';

create function tocsin_internal.forward_failures(p_outcomes tocsin_internal.run_outcomes[])
returns void
language plpgsql set search_path = ''
as $$
declare
  v_failures jsonb[];
begin
  -- It failed when the row says, but no later than it was seen; or when it was seen, where the row
  -- says nothing, infinity or a time before 2000. Written out: in a storm a function costs a fifth.
  select array_agg(jsonb_build_object(
      'error_id', gen_random_uuid(), 'source_id', o.source_id, 'run_id', left(o.run_id, 500),
      'project_id', left(o.project_id, 200), 'workflow_id', left(o.workflow_id, 200),
      'outcome', o.outcome,
      'failed_at', case when isfinite(o.finished_at) and o.finished_at >= '2000-01-01 00:00:00+00'
        then least(o.finished_at, o.captured_at) else o.captured_at end) order by o.outcome_id)
  into v_failures
  from unnest(p_outcomes) as o
  where o.sign >= 0 and o.is_move is null and o.outcome in ('failed', 'timed_out');

  if v_failures is not null then
    perform pgmq.send_batch('tocsin_failures', v_failures);
  end if;
end
$$;

comment on function tocsin_internal.forward_failures(tocsin_internal.run_outcomes[]) is
  'Sends the failures among outcomes to the queue tocsin_failures: ids and when they failed.';

create function tocsin_internal.take_in(
  p_outcomes tocsin_internal.run_outcomes[], p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_plain tocsin_internal.run_outcomes[];
  v_others tocsin_internal.run_outcomes[];
  v_remember tocsin_internal.run_outcomes[];
  v_forget tocsin_internal.run_outcomes[];
begin
  -- nearly all came to their end since their source is watched, and need no settling
  select array_agg(o) filter (where is_plain), array_agg(o) filter (where not is_plain)
  into v_plain, v_others
  from unnest(p_outcomes) as o
  left join tocsin_internal.counted_ranges c on c.source_id = o.source_id
  cross join lateral (
    select coalesce(o.sign = 1 and o.signal is null and o.is_move is null
      and coalesce(o.finished_at, o.started_at) >= c.watched_since
      and coalesce(o.finished_at, o.started_at) <= o.captured_at + interval '1 hour', false)
  ) as p (is_plain);

  if v_others is not null then
    select v_plain || array_agg(s.outcome) filter (where s.verdict = 'count'),
      array_agg(s.outcome) filter (where s.verdict = 'remember'),
      array_agg(s.outcome) filter (where s.verdict = 'forget')
    into v_plain, v_remember, v_forget
    from tocsin_internal.settle_outcomes(v_others) as s;

    delete from tocsin_internal.counted_runs r using unnest(v_forget) as o
    where r.source_id = o.source_id and r.run_id = o.run_id;

    insert into tocsin_internal.counted_runs (source_id, run_id, project_id, workflow_id, outcome,
      started_at, finished_at, captured_at)
    select o.source_id, o.run_id, coalesce(o.project_id, ''), o.workflow_id, o.outcome,
      o.started_at, o.finished_at, o.captured_at
    from unnest(v_remember) as o
    on conflict (source_id, run_id) do update
      set project_id = excluded.project_id, workflow_id = excluded.workflow_id,
        outcome = excluded.outcome, started_at = excluded.started_at,
        finished_at = excluded.finished_at, captured_at = excluded.captured_at;
  end if;

  if v_plain is not null then
    perform tocsin_internal.count_outcomes(v_plain, p_now);
    perform tocsin_internal.forward_failures(v_plain);
  end if;
end
$$;

comment on function tocsin_internal.take_in(tocsin_internal.run_outcomes[], timestamptz) is
  'Counts outcomes, remembers what later ones will need, and forwards the failures.';

create function tocsin_internal.roll_up_batch(p_limit int, p_now timestamptz)
returns tocsin_internal.run_outcomes[]
language plpgsql set search_path = ''
as $$
declare
  v_taken tocsin_internal.run_outcomes[];
begin
  with taken as (
    -- by place: the rows are locked, and cannot move
    delete from tocsin_internal.run_outcomes o
    where o.ctid = any (array(
      select ctid from tocsin_internal.run_outcomes
      where outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
      order by outcome_id limit p_limit for update skip locked))
    returning o
  )
  select array_agg(o) into v_taken from taken;

  if v_taken is not null then
    perform tocsin_internal.take_in(v_taken, p_now);
  end if;
  return v_taken;
end
$$;

comment on function tocsin_internal.roll_up_batch(int, timestamptz) is
  'Takes up to p_limit pending outcomes, counts them and forwards their failures. Returns them; '
  'null: there were none.';

create function tocsin_internal.set_one_aside(
  p_error_code text, p_problem text, p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_outcome tocsin_internal.run_outcomes;
begin
  delete from tocsin_internal.run_outcomes where outcome_id = (
    select outcome_id from tocsin_internal.run_outcomes
    where outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
    order by outcome_id limit 1 for update skip locked
  ) returning * into v_outcome;
  if not found then
    return;
  end if;
  insert into tocsin_internal.outcomes_set_aside (outcome_id, outcome, problem, set_aside_at)
  values (v_outcome.outcome_id, to_jsonb(v_outcome), p_problem, p_now);
  perform tocsin_internal.record_fault('roll_up', p_error_code, p_problem,
    format('outcome %s of %s was set aside', v_outcome.outcome_id, v_outcome.source_id), p_now);
  perform tocsin_internal.forward_failures(array[v_outcome]);
end
$$;

comment on function tocsin_internal.set_one_aside(text, text, timestamptz) is
  'Moves the first pending outcome to outcomes_set_aside, and forwards it if it is a failure.';

create function tocsin_internal.roll_up(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_size int := 20000;
  v_taken tocsin_internal.run_outcomes[];
  v_count int;
  v_total bigint := 0;
  v_projects text[] := '{}';
begin
  -- not beside a backfill, which counts by what has been taken in
  perform pg_advisory_xact_lock_shared(hashtext('tocsin'), hashtext('backfill'));
  loop
    begin
      v_taken := tocsin_internal.roll_up_batch(v_size, p_now);
      v_count := coalesce(cardinality(v_taken), 0);
      v_total := v_total + v_count;
      v_projects := array(
        select unnest(v_projects) union select coalesce(project_id, '') from unnest(v_taken));
      exit when v_count < v_size;
      v_size := least(v_size * 10, 20000);
    exception
      -- a value that cannot be counted, not a fault that every row would meet
      when data_exception or integrity_constraint_violation or program_limit_exceeded then
        if v_size = 1 then
          perform tocsin_internal.set_one_aside(sqlstate, sqlerrm, p_now);
          v_total := v_total + 1;
        end if;
        v_size := greatest(v_size / 10, 1);
    end;
    exit when clock_timestamp() > v_until;
  end loop;

  perform tocsin_internal.raise_floor(p_now);
  perform tocsin_internal.hint_projects('runs', v_projects, p_now);
  return v_total;
end
$$;

comment on function tocsin_internal.roll_up(timestamptz) is
  'Takes pending outcomes for up to two seconds; one that cannot be counted is set aside. A stage '
  'of '
  'the heart. Returns how many it took.';

alter table tocsin_internal.outcomes_set_aside enable row level security;
create policy nobody_reads_it_through_the_api on tocsin_internal.outcomes_set_aside using (false);
revoke all on tocsin_internal.outcomes_set_aside from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
