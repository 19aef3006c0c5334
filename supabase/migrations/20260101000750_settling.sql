-- Settling: what appended outcomes come to, where a row alone does not tell.
--
-- Most outcomes need none of this: a run came to its end, and its times say that it is watched. The
-- others are settled run by run, in the order of appending, by three questions.
--
-- Was it counted before? What a run leaves is taken back only if it was counted. Its finish time
-- tells: it lies where its source is watched or was backfilled. A run without one was counted when
-- its source has been watched since it started. Where no time tells, counted_runs remembers.
--
-- Which table told it first? Where several tables can tell a failure (signal is not null), the
-- first counts and the others say nothing new, until the run leaves it.
--
-- Where was it counted? What is taken back is taken from there: its project, workflow and minute.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.is_filled(p_run_id text, p_filled_to text, p_order text)
returns boolean
language sql immutable parallel safe set search_path = ''
as $$
  select coalesce(case p_order
    when 'number' then
      case when p_run_id ~ '^-?\d+$' then p_run_id::numeric <= p_filled_to::numeric end
    when 'text' then p_run_id <= p_filled_to
    else p_run_id collate "C" <= p_filled_to collate "C" end, false)
$$;

comment on function tocsin_internal.is_filled(text, text, text) is
  'Whether a backfill that has come to run p_filled_to has been past p_run_id.';

create type tocsin_internal.verdict as enum ('count', 'remember', 'forget');
comment on type tocsin_internal.verdict is
  'What becomes of a settled outcome: it counts, is kept in counted_runs, or leaves it.';

create function tocsin_internal.settle_outcomes(p_outcomes tocsin_internal.run_outcomes[])
returns table (verdict tocsin_internal.verdict, outcome tocsin_internal.run_outcomes)
language sql stable set search_path = ''
as $$
  with read as materialized (
    select o.*, o.signal is not null as is_signaled,
      o.outcome in ('failed', 'timed_out') as is_failure,
      -- clocks differ: a time that is a little ahead still tells
      case when isfinite(o.finished_at) and o.finished_at <= o.captured_at + interval '1 hour' then
        c.source_id is null or c.watched @> o.finished_at or c.backfilled @> o.finished_at
          or (c.filling @> o.finished_at
            and tocsin_internal.is_filled(o.run_id, c.filled_to, c.run_id_order))
      else isfinite(o.started_at) and c.watched @> tstzrange(o.started_at, null) end as is_told,
      m.run_id is not null as is_remembered, m.project_id as m_project_id,
      m.workflow_id as m_workflow_id, m.outcome as m_outcome, m.started_at as m_started_at,
      m.finished_at as m_finished_at, m.captured_at as m_captured_at
    from unnest(p_outcomes) as o
    left join tocsin_internal.counted_ranges c on c.source_id = o.source_id
    -- what cannot be a key is not remembered
    left join tocsin_internal.counted_runs m
      on m.source_id = o.source_id and m.run_id = o.run_id and length(o.run_id) <= 500
    where o.sign <> 0
  ),
  ordered as (
    select *,
      lead(outcome_id) over run is null as is_last,
      -- once counted, whatever follows in the batch was counted
      bool_or(coalesce(is_told, false) or is_remembered or (sign = 1 and is_move is null)) over run
        as is_counted,
      lag(sign) over run = 1 as follows_end,
      lag(started_at) over run as before_started_at,
      lag(finished_at) over run as before_finished_at,
      lag(captured_at) over run as before_captured_at
    from (select *, case when run_id is null then outcome_id end as nobody from read) as r
    window run as (partition by source_id, run_id, nobody order by outcome_id)
  ),
  streaked as (
    -- tellings of one failure belong together, with what leaves it as the last of them
    select *,
      coalesce(lag(fails) over run,
        is_remembered and is_signaled and m_outcome in ('failed', 'timed_out')) as is_held,
      count(*) filter (where not fails) over (partition by source_id, run_id, nobody
        order by outcome_id rows between unbounded preceding and 1 preceding) as streak
    from (select *, sign = 1 and is_failure and is_signaled and is_counted as fails from ordered)
      as o
    window run as (partition by source_id, run_id, nobody order by outcome_id)
  ),
  held as (
    select *, is_remembered and m_outcome in ('failed', 'timed_out') and streak = 0 as by_memory,
      first_value(project_id) over s as h_project_id,
      first_value(workflow_id) over s as h_workflow_id, first_value(outcome) over s as h_outcome,
      first_value(started_at) over s as h_started_at,
      first_value(finished_at) over s as h_finished_at,
      first_value(captured_at) over s as h_captured_at
    from streaked
    window s as (partition by source_id, run_id, nobody, streak order by outcome_id)
  ),
  settled as (
    -- what a run came to
    select 'count'::tocsin_internal.verdict as verdict, outcome_id, source_id, run_id, project_id,
      workflow_id, outcome, sign, signal, is_move, started_at, finished_at, captured_at
    from held where sign = 1 and is_counted and not (fails and is_held)
    union all
    -- a failure that it left, as it was counted
    select 'count', outcome_id, source_id, run_id,
      case when by_memory then m_project_id else h_project_id end,
      case when by_memory then m_workflow_id else h_workflow_id end,
      case when by_memory then m_outcome else h_outcome end, -1, signal, is_move,
      case when by_memory then m_started_at else h_started_at end,
      case when by_memory then m_finished_at else h_finished_at end,
      case when by_memory then m_captured_at else h_captured_at end
    from held where is_held and ((sign = -1 and is_failure) or (sign = 1 and not is_failure))
    union all
    -- anything else that it left
    select 'count', outcome_id, source_id, run_id, project_id, workflow_id, outcome, -1, signal,
      is_move, started_at,
      -- the memory is of the end that the first of them leaves: one between them was told plainly
      case when follows_end then before_finished_at
        when is_remembered and follows_end is null then m_finished_at else finished_at end,
      case when follows_end then before_captured_at
        when is_remembered and follows_end is null then m_captured_at else captured_at end
    from held where sign = -1 and not (is_held and is_failure)
      and case when is_signaled and is_failure then coalesce(is_told, false) else is_counted end
    union all
    -- and how the last of it is kept in mind
    select case when sign = 1 and is_counted and (fails or not coalesce(is_told, false))
        then 'remember' else 'forget' end::tocsin_internal.verdict,
      outcome_id, source_id, run_id,
      case when fails then h_project_id else project_id end,
      case when fails then h_workflow_id else workflow_id end,
      case when fails then h_outcome else outcome end, sign, signal, is_move,
      case when fails then h_started_at else started_at end,
      case when fails then h_finished_at else finished_at end,
      case when fails then h_captured_at else captured_at end
    from held
    where is_last and length(run_id) <= 500 and not (fails and by_memory)
    union all
    -- told of a run that ended otherwise: once
    select distinct on (o.source_id, o.run_id, case when o.run_id is null then o.outcome_id end)
      'count', o.* from unnest(p_outcomes) as o
    where o.sign = 0
  )
  select verdict, (outcome_id, source_id, run_id, project_id, workflow_id, outcome, sign, signal,
    is_move, started_at, finished_at, captured_at)::tocsin_internal.run_outcomes
  from settled
$$;

comment on function tocsin_internal.settle_outcomes(tocsin_internal.run_outcomes[]) is
  'What outcomes come to: those to count (sign 0: to tell only), and of each run whether its last '
  'state is to be remembered in counted_runs. Reads only, so that readers see what roll_up() will '
  'make of what is pending.';

create function tocsin_internal.begin_counting(p_source tocsin.run_sources) returns void
language plpgsql set search_path = ''
as $$
declare
  v_order text;
begin
  select case when a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then 'number'
    when a.atttypid in ('text'::regtype, 'varchar'::regtype)
      and a.attcollation = 'pg_catalog.default'::regcollation then 'text'
    else 'bytes' end
  into v_order
  from pg_catalog.pg_attribute a
  where a.attrelid = p_source.run_table and a.attname = p_source.mapping ->> 'run_id';

  -- a name that another table had before begins anew; what was counted under it stays
  delete from tocsin_internal.counted_ranges
  where source_id = p_source.source_id and run_table <> p_source.run_table;
  if found then
    delete from tocsin_internal.counted_runs where source_id = p_source.source_id;
  end if;

  insert into tocsin_internal.counted_ranges as c
    (source_id, run_table, watched, watched_since, run_id_order)
  values (p_source.source_id, p_source.run_table,
    tstzmultirange(tstzrange(clock_timestamp(), null)), clock_timestamp(), v_order)
  on conflict (source_id) do update
    set run_id_order = excluded.run_id_order,
      watched = case when c.watched_since is null then c.watched + excluded.watched
        else c.watched end,
      watched_since = coalesce(c.watched_since, excluded.watched_since);
end
$$;

comment on function tocsin_internal.begin_counting(tocsin.run_sources) is
  'Notes since when a source is counted, unless it is already. Called when its triggers are there.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on type tocsin_internal.verdict from public;
grant usage on type tocsin_internal.verdict to authenticated, service_role;
grant execute on function tocsin_internal.is_filled(text, text, text),
  tocsin_internal.settle_outcomes(tocsin_internal.run_outcomes[])
  to authenticated, service_role;
