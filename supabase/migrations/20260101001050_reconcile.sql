-- Reconcile: the proof that the counters are right, by reading the whole table.
--
-- Errors: TC009, TC020 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none. For the table's owner, by hand.

create function tocsin.reconcile(p_table regclass)
returns table (project_id text, workflow_id text, outcome text, counted bigint, in_table bigint,
  difference bigint)
-- it reads all of the table, beside what no statistics know yet; what is switched off there makes
-- the plan look so dear that it would be compiled each time
language plpgsql stable set search_path = '' set enable_nestloop = off set jit = off
as $$
declare
  v_source tocsin.run_sources;
  m jsonb;
begin
  select * into v_source from tocsin.run_sources where run_table = p_table;
  if not found then
    raise exception 'The table % is not watched', p_table using errcode = 'TC009',
      hint = format('Watch it: select tocsin.watch_runs(%L);', p_table::text);
  end if;
  m := v_source.mapping;
  if m ->> 'finished_at' is null and m ->> 'started_at' is null then
    raise exception 'No column of % tells which of its runs ended since it is watched', p_table
      using errcode = 'TC020', hint = 'Name the one that says when a run finished: '
        || format('select tocsin.watch_runs(%L, p_options => ''{"finished_at": "your_column"}'');',
          p_table::text);
  end if;

  return query execute format($query$
    with settled as materialized (
      select s.* from tocsin_internal.settle_outcomes(array(
        select o from tocsin_internal.run_outcomes o
        where o.outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
          and o.source_id = %1$L and not coalesce(o.sign = 1 and o.signal is null
          and o.is_move is null and coalesce(o.finished_at, o.started_at) >= %10$L
          and coalesce(o.finished_at, o.started_at) <= o.captured_at + interval '1 hour', false)
      )) as s
    ),
    -- what is known besides the rows, once all that is pending is taken in
    known as (
      select run_id, project_id, workflow_id, outcome from tocsin_internal.counted_runs r
      where source_id = %1$L and not exists (select from settled s
        where s.verdict <> 'count' and (s.outcome).run_id = r.run_id)
      union all
      select (s.outcome).run_id, (s.outcome).project_id, (s.outcome).workflow_id,
        (s.outcome).outcome
      from settled s where s.verdict = 'remember'
    ),
    there as (
      select left(coalesce(case when w.is_told then k.project_id else %2$s end, ''), 200)
          as project_id,
        left(coalesce(case when w.is_told then k.workflow_id else %3$s end, ''), 200)
          as workflow_id,
        case when w.is_told then k.outcome else case r.%5$I::text%4$s end end as outcome,
        count(*) as n
      from %6$s r
      cross join (select * from tocsin_internal.counted_ranges where source_id = %1$L) as c
      left join known k on k.run_id = r.%7$I::text
      -- a failure that was told stands as it was told, until the status says otherwise
      cross join lateral (
        select k.outcome in ('failed', 'timed_out')
          and coalesce(case r.%5$I::text%4$s end, 'failed') in ('failed', 'timed_out') as is_told
      ) as w
      where k.run_id is not null
        or case when isfinite(%8$s) and %8$s <= clock_timestamp() + interval '1 hour' then
            c.watched @> %8$s or c.backfilled @> %8$s or (c.filling @> %8$s
              and tocsin_internal.is_filled(r.%7$I::text, c.filled_to, c.run_id_order))
          else isfinite(%9$s) and c.watched @> tstzrange(%9$s, null) end
      group by 1, 2, 3
    ),
    counted as (
      select b.project_id, b.workflow_id, o.outcome, sum(o.n) as n
      from (
        select project_id, workflow_id, success_count, failed_count, timed_out_count, canceled_count
        from tocsin_internal.run_buckets where bucket_minutes = 0 and source_id = %1$L
        union all
        select project_id, workflow_id, success_count, failed_count, timed_out_count, canceled_count
        from tocsin_internal.pending_buckets('-infinity', 'infinity', null, null, %1$L)
      ) as b
      cross join lateral (values ('succeeded', b.success_count), ('failed', b.failed_count),
        ('timed_out', b.timed_out_count), ('canceled', b.canceled_count)) as o (outcome, n)
      group by 1, 2, 3
    )
    select coalesce(c.project_id, t.project_id), coalesce(c.workflow_id, t.workflow_id),
      coalesce(c.outcome, t.outcome), coalesce(c.n, 0)::bigint, coalesce(t.n, 0)::bigint,
      (coalesce(c.n, 0) - coalesce(t.n, 0))::bigint
    from counted c
    full join (select * from there where outcome is not null) as t
      on t.project_id = c.project_id and t.workflow_id = c.workflow_id and t.outcome = c.outcome
    where coalesce(c.n, 0) <> coalesce(t.n, 0)
    order by 1, 2, 3
  $query$, v_source.source_id,
    tocsin_internal.text_expression(m ->> 'project_id', 'r'),
    tocsin_internal.text_expression(m ->> 'workflow_id', 'r'),
    tocsin_internal.status_cases(m), m ->> 'status', p_table, m ->> 'run_id',
    tocsin_internal.timestamp_expression(p_table, m ->> 'finished_at', 'r'),
    tocsin_internal.timestamp_expression(p_table, m ->> 'started_at', 'r'),
    (select watched_since from tocsin_internal.counted_ranges c
     where c.source_id = v_source.source_id));
end
$$;

comment on function tocsin.reconcile(regclass) is
  'Compares the counters with count(*) over what the table still holds, of the time that is '
  'counted; one row for each difference, none when all is exact. Runs deleted since are counted, '
  'and no longer in the table. Reads the whole table: for the owner, by hand. Raises TC009, and '
  'TC020 '
  'for a table without any time.';

revoke all on function tocsin.reconcile(regclass) from public, anon, authenticated, service_role;
