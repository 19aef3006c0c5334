-- Backfill: counts the runs of a table that ended before it was watched.
--
-- The heart reads the table in the order of its run ids, a batch in a statement, and commits after
-- each beat: what is done stays done, and a restart goes on behind it. Runs go on meanwhile. So
-- that none is counted twice or taken back unduly, a batch takes in what is pending of the source
-- and reads its runs in one snapshot, while no roll-up runs beside it: a run re-opened before is
-- seen as open, and one re-opened afterwards has been passed, which counted_ranges says.
--
-- Nobody is told of failures that are only counted now.
--
-- Errors: TC009, TC017, TC021, TC022 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none. backfill_runs() is for the table's owner.

create type tocsin.backfill_state as enum ('running', 'done', 'failed');
comment on type tocsin.backfill_state is
  'running: the heart is at it; done; failed: it stopped, and backfill_runs() takes it up again.';

create table tocsin.backfills (
  backfill_id bigint generated always as identity primary key,
  source_id text not null,
  run_table regclass not null,
  state tocsin.backfill_state not null default 'running',
  counted_from timestamptz not null,
  counted_to timestamptz not null,
  run_estimate bigint not null,
  read_count bigint not null default 0,
  counted_count bigint not null default 0,
  undated_count bigint not null default 0,
  began_at timestamptz not null,
  updated_at timestamptz not null,
  ended_at timestamptz,
  error text,
  constraint a_backfill_counts_a_range check (counted_from < counted_to)
);

create unique index backfills_source_id_idx on tocsin.backfills (source_id)
  where state <> 'done';

comment on table tocsin.backfills is
  'Backfills and how far they are. Written by backfill_runs() and the heart.';
comment on column tocsin.backfills.backfill_id is 'The backfill.';
comment on column tocsin.backfills.source_id is 'The run source.';
comment on column tocsin.backfills.run_table is 'Its table.';
comment on column tocsin.backfills.state is 'running, done or failed.';
comment on column tocsin.backfills.counted_from is 'Runs that finished from here on are counted,';
comment on column tocsin.backfills.counted_to is
  'and before this: at most since when the table is watched.';
comment on column tocsin.backfills.run_estimate is 'How many runs the table had, about.';
comment on column tocsin.backfills.read_count is 'How many of them have been read.';
comment on column tocsin.backfills.counted_count is 'How many of these were counted.';
comment on column tocsin.backfills.undated_count is
  'How many ended runs were left out, since no finish time says when.';
comment on column tocsin.backfills.began_at is 'When it began.';
comment on column tocsin.backfills.updated_at is 'When it last got on.';
comment on column tocsin.backfills.ended_at is 'When it was done or failed.';
comment on column tocsin.backfills.error is 'Why it failed.';

create function tocsin.backfill_runs(
  p_table regclass, p_from timestamptz default null, p_to timestamptz default null,
  p_now timestamptz default clock_timestamp()
) returns tocsin.backfills
language plpgsql set search_path = ''
as $$
declare
  v_source tocsin.run_sources;
  v_counted tocsin_internal.counted_ranges;
  v_missing tstzmultirange;
  v_backfill tocsin.backfills;
begin
  select * into v_source from tocsin.run_sources where run_table = p_table;
  if not found then
    raise exception 'The table % is not watched', p_table using errcode = 'TC009',
      hint = format('Watch it first: select tocsin.watch_runs(%L);', p_table::text);
  end if;
  if v_source.mapping ->> 'finished_at' is null then
    raise exception 'No column of % tells when a run finished', p_table using errcode = 'TC021',
      hint = format(
        'Name it: select tocsin.watch_runs(%L, p_options => ''{"finished_at": "your_column"}'');',
        p_table::text);
  end if;
  -- before 2000 there were no runs: such times are mistakes
  p_from := greatest(p_from, '2000-01-01 00:00:00+00');
  p_to := least(p_to, p_now);
  perform tocsin_internal.refuse_bad_range(p_from, p_to, null, 'UTC');

  update tocsin.backfills set state = 'running', error = null, ended_at = null
  where source_id = v_source.source_id and state <> 'done'
  returning * into v_backfill;
  if found then
    if (p_from, p_to) is distinct from (v_backfill.counted_from, v_backfill.counted_to)
      and not (p_from <= v_backfill.counted_from and p_to >= v_backfill.counted_to)
    then
      raise exception 'A backfill of % is not done yet: % to %', p_table, v_backfill.counted_from,
        v_backfill.counted_to using errcode = 'TC022',
        hint = 'Wait for it: select * from tocsin.backfills; then ask for the other range.';
    end if;
    raise notice 'Backfill % of % goes on: % of about % runs read', v_backfill.backfill_id,
      p_table, v_backfill.read_count, v_backfill.run_estimate;
    return v_backfill;
  end if;

  select * into v_counted from tocsin_internal.counted_ranges
  where source_id = v_source.source_id for update;
  v_missing := tstzmultirange(tstzrange(p_from, p_to)) - v_counted.watched - v_counted.backfilled;
  insert into tocsin.backfills (source_id, run_table, state, counted_from, counted_to,
    run_estimate, began_at, updated_at, ended_at)
  select v_source.source_id, p_table,
    case when isempty(v_missing) then 'done' else 'running' end::tocsin.backfill_state,
    coalesce(lower(v_missing), p_from), coalesce(upper(v_missing), p_to),
    tocsin_internal.estimate_rows(p_table), p_now, p_now,
    case when isempty(v_missing) then p_now end
  returning * into v_backfill;
  update tocsin_internal.counted_ranges set filling = v_missing, filled_to = null
  where source_id = v_source.source_id;

  if isempty(v_missing) then
    raise notice 'All of that is counted already: nothing to do';
  else
    raise notice 'Backfill % of %, about % runs: the heart counts them in the background. '
      'Look with: select * from tocsin.backfills;', v_backfill.backfill_id, p_table,
      v_backfill.run_estimate;
  end if;
  return v_backfill;
end
$$;

comment on function tocsin.backfill_runs(regclass, timestamptz, timestamptz, timestamptz) is
  'Counts the runs that finished from p_from (null: the beginning) until p_to (null: now) and are '
  'not counted yet, in the background, batch by batch. Returns its row of tocsin.backfills, where '
  'it can be followed; calling it again takes a failed one up. Nobody is told of old failures. '
  'Raises TC009, TC017, TC021 and TC022.';

create function tocsin_internal.estimate_rows(p_table regclass) returns bigint
language sql stable set search_path = ''
as $$
  -- a partitioned table has the rows of its leaves
  select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
  from pg_catalog.pg_class c
  where c.relkind <> 'p' and c.oid in (
    select p_table union select relid from pg_catalog.pg_partition_tree(p_table))
$$;

comment on function tocsin_internal.estimate_rows(regclass) is
  'About how many rows a table has, as its statistics say.';

create type tocsin_internal.history_batch as (
  pending tocsin_internal.run_outcomes[],
  ended tocsin_internal.run_outcomes[],
  read_count int,
  last_run_id text
);
comment on type tocsin_internal.history_batch is
  'What was pending of a source, and how its next runs ended: see read_history().';

create function tocsin_internal.read_history(
  p_source tocsin.run_sources, p_after text, p_limit int, p_now timestamptz
) returns tocsin_internal.history_batch
language plpgsql set search_path = '' set lock_timeout = '1s'
as $$
declare
  m constant jsonb := p_source.mapping;
  v_type text := tocsin_internal.column_type(p_source.run_table, m ->> 'run_id');
  v_order text := format('r.%I', m ->> 'run_id');
  v_told text[];
  v_batch tocsin_internal.history_batch;
begin
  if v_type <> 'uuid' and (select run_id_order = 'bytes' from tocsin_internal.counted_ranges
    where source_id = p_source.source_id)
  then
    v_order := v_order || '::text collate "C"';
    v_type := 'text';
  end if;
  if m ? 'events' then
    v_told := v_told || format($sql$
      select e.%1$I, %2$s from %3$s e
      where e.%1$I in (select id from run where outcome is null) and e.%4$I::text = %5$L
        and coalesce(substring(e.%6$I ->> 'attempt' from '^\d{1,9}$')::numeric, 'infinity')
          >= coalesce(substring(e.%6$I ->> 'max_attempts' from '^\d{1,9}$')::numeric, %7$L)$sql$,
      m #>> '{events,run_id}',
      tocsin_internal.timestamp_expression((m #>> '{events,table}')::regclass,
        m #>> '{events,at}', 'e'),
      (m #>> '{events,table}')::regclass, m #>> '{events,type}', m #>> '{events,failed_type}',
      m #>> '{events,payload}', coalesce(m #>> '{events,max_attempts}', '0'));
  end if;
  if m ? 'jobs' then
    v_told := v_told || format($sql$
      select j.%1$I, coalesce(%2$s, %3$s) from %4$s j
      where j.%1$I in (select id from run where outcome is null)$sql$,
      m #>> '{jobs,run_id}',
      tocsin_internal.timestamp_expression((m #>> '{jobs,table}')::regclass,
        m #>> '{jobs,failed_at}', 'j'),
      tocsin_internal.timestamp_expression((m #>> '{jobs,table}')::regclass,
        m #>> '{jobs,dead_at}', 'j'),
      (m #>> '{jobs,table}')::regclass);
  end if;

  -- one statement, so one snapshot
  execute format($query$
    with taken as (
      delete from tocsin_internal.run_outcomes o where o.source_id = %1$L returning o
    ),
    run as materialized (
      select r.%2$I as id, r.%2$I::text as run_id, %3$s as project_id, %4$s as workflow_id,
        case r.%5$I::text%6$s end as outcome, %7$s as started_at, %8$s as finished_at,
        row_number() over (order by %9$s) as place
      from %10$s r
      where $1 is null or %9$s > $1::%11$s
      order by %9$s fetch first $2 rows with ties
    ),
    told as (select id, min(at) as failed_at from (%12$s) as t (id, at) group by id),
    ended as (
      select run_id, project_id, workflow_id, started_at, coalesce(outcome, 'failed') as outcome,
        case when outcome is null then 'history' end as signal,
        case when outcome is null then failed_at else finished_at end as finished_at
      from run left join told using (id)
      where outcome is not null or failed_at is not null
    )
    select (select array_agg(o) from taken),
      (select array_agg((0, %1$L, run_id, project_id, workflow_id, outcome, 1, signal, null,
        started_at, finished_at, $3)::tocsin_internal.run_outcomes) from ended),
      (select count(*)::int from run), (select run_id from run order by place desc limit 1)
  $query$, p_source.source_id, m ->> 'run_id',
    tocsin_internal.text_expression(m ->> 'project_id', 'r'),
    tocsin_internal.text_expression(m ->> 'workflow_id', 'r'),
    m ->> 'status', tocsin_internal.status_cases(m),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'started_at', 'r'),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'finished_at', 'r'),
    v_order, p_source.run_table, v_type,
    coalesce(array_to_string(v_told, ' union all '),
      'select id, null::timestamptz from run where false'))
  into v_batch using p_after, p_limit, p_now;
  return v_batch;
end
$$;

comment on function tocsin_internal.read_history(tocsin.run_sources, text, int, timestamptz) is
  'In one snapshot: takes what is pending of a source, and reads how its next runs behind p_after '
  'ended (signal history: told by another table than the runs'').';

create function tocsin_internal.backfill_batch(
  p_backfill tocsin.backfills, p_limit int, p_now timestamptz
) returns int
language plpgsql set search_path = ''
as $$
declare
  v_source tocsin.run_sources;
  v_counted tocsin_internal.counted_ranges;
  v_batch tocsin_internal.history_batch;
  v_new tocsin_internal.run_outcomes[];
  v_undated int;
begin
  select * into v_source from tocsin.run_sources where source_id = p_backfill.source_id;
  if not found or v_source.run_table <> p_backfill.run_table then
    raise exception 'The table % is no longer watched', p_backfill.run_table
      using errcode = 'TC009', hint = 'Watch it again, then call backfill_runs() again.';
  end if;
  select * into v_counted from tocsin_internal.counted_ranges
  where source_id = p_backfill.source_id for update;

  v_batch := tocsin_internal.read_history(v_source, v_counted.filled_to, p_limit, p_now);
  -- by what was counted before this batch
  if v_batch.pending is not null then
    perform tocsin_internal.take_in(v_batch.pending, p_now);
  end if;

  select array_agg(o) filter (where v_counted.filling @> o.finished_at and isfinite(o.finished_at)
      and not exists (select from tocsin_internal.counted_runs k
        where k.source_id = o.source_id and k.run_id = o.run_id)),
    count(*) filter (where o.finished_at is null or not isfinite(o.finished_at))
  into v_new, v_undated
  from unnest(v_batch.ended) as o;
  if v_new is not null then
    perform tocsin_internal.count_outcomes(v_new, p_now);
    insert into tocsin_internal.counted_runs (source_id, run_id, project_id, workflow_id, outcome,
      started_at, finished_at, captured_at)
    select source_id, run_id, coalesce(project_id, ''), workflow_id, outcome, started_at,
      finished_at, captured_at
    from unnest(v_new) where signal = 'history' and length(run_id) <= 500
    on conflict do nothing;
  end if;

  update tocsin_internal.counted_ranges
  set filled_to = coalesce(v_batch.last_run_id, filled_to) where source_id = p_backfill.source_id;
  update tocsin.backfills
  set read_count = read_count + v_batch.read_count,
    counted_count = counted_count + coalesce(cardinality(v_new), 0),
    undated_count = undated_count + v_undated, updated_at = p_now
  where backfill_id = p_backfill.backfill_id;
  return v_batch.read_count;
end
$$;

comment on function tocsin_internal.backfill_batch(tocsin.backfills, int, timestamptz) is
  'Counts the next p_limit runs of a backfill. Returns how many it read.';

create function tocsin_internal.backfill(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_size constant int := 20000;
  v_until constant timestamptz := clock_timestamp() + interval '2 seconds';
  v_backfill tocsin.backfills;
  v_read int;
  v_total bigint := 0;
begin
  -- in turns; and not while many outcomes wait, which roll_up() takes in smaller bites
  select * into v_backfill from tocsin.backfills where state = 'running'
  order by updated_at limit 1;
  if not found
    or (select count(*) from (
      select from tocsin_internal.run_outcomes
      where outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
      limit 20000) as p) = 20000
    or not pg_try_advisory_xact_lock(hashtext('tocsin'), hashtext('backfill'))
  then
    return 0;
  end if;

  begin
    loop
      v_read := tocsin_internal.backfill_batch(v_backfill, v_size, p_now);
      v_total := v_total + v_read;
      exit when v_read < v_size or clock_timestamp() > v_until;
    end loop;
    if v_read < v_size then
      update tocsin_internal.counted_ranges
      set backfilled = backfilled + filling, filling = '{}', filled_to = null
      where source_id = v_backfill.source_id;
      update tocsin.backfills set state = 'done', ended_at = p_now
      where backfill_id = v_backfill.backfill_id;
    end if;
  exception
    when lock_not_available then
      return 0; -- the host is changing its table: the next beat tries again
    when others then
      update tocsin.backfills set state = 'failed', ended_at = p_now, error = sqlerrm
      where backfill_id = v_backfill.backfill_id;
      perform tocsin_internal.record_fault('backfill', sqlstate, sqlerrm,
        format('backfill %s of %s', v_backfill.backfill_id, v_backfill.source_id), p_now);
      return 0;
  end;

  select * into v_backfill from tocsin.backfills where backfill_id = v_backfill.backfill_id;
  raise notice 'Backfill % of %: % of about % runs read, % counted, %', v_backfill.backfill_id,
    v_backfill.source_id, v_backfill.read_count, v_backfill.run_estimate,
    v_backfill.counted_count, v_backfill.state;
  return v_total;
end
$$;

comment on function tocsin_internal.backfill(timestamptz) is
  'Gets a backfill on for up to two seconds. A stage of the heart. Returns how many runs it read.';

alter table tocsin.backfills enable row level security;
create policy operators_see_backfills on tocsin.backfills
  for select to authenticated using ((select tocsin_internal.is_operator()));
revoke all on tocsin.backfills from public, anon, authenticated, service_role;
grant select on tocsin.backfills to authenticated, service_role;
revoke all on type tocsin.backfill_state, tocsin_internal.history_batch from public;
grant usage on type tocsin.backfill_state to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.backfill_runs(regclass, timestamptz, timestamptz, timestamptz)
  from public, anon, authenticated, service_role;
