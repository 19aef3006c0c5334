-- Looking at a queue of pg-boss, of versions 10 to 12.
--
-- What waits is read by pg-boss's own partial index on it, 10,001 rows at most. On jobs that are
-- active or have ended pg-boss has no index: a queue that keeps up to 2,000 jobs is read whole, by
-- its primary key, and everything is known of it. Of a longer one the ended jobs are read where the
-- table has an index on (name, completed_on), which people can make; and how many are active is
-- what pg-boss counted itself, within a minute (from version 11).
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.shape_of_pgboss(p_queue_name text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_queues constant regclass := to_regclass('pgboss.queue');
  v_column constant text := case when tocsin_internal.has_column(v_queues, 'table_name')
    then 'table_name' else 'partition_name' end;
  v_name text;
  v_table regclass;
  v_order text;
begin
  execute format('select %I from pgboss.queue where name = $1', v_column)
  into v_name using p_queue_name;
  v_table := to_regclass(format('pgboss.%I', v_name));
  if not tocsin_internal.is_trusted_table(format('pgboss.%I', v_name)) then
    return null;
  end if;
  -- the index on what waits: by start_after, or by priority and created_on
  select a.attname into v_order
  from pg_catalog.pg_index i
  join pg_catalog.pg_attribute n on n.attrelid = i.indrelid and n.attnum = i.indkey[0]
  join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[1]
  where i.indrelid = v_table and i.indisvalid and not i.indisunique and n.attname = 'name'
    and a.attname in ('start_after', 'priority')
    and pg_get_expr(i.indpred, i.indrelid) ~ 'state < ''active'''
    and pg_get_expr(i.indpred, i.indrelid) !~ 'policy'
  order by a.attname desc limit 1;
  return jsonb_build_object(
    'table', v_table,
    'relation', v_table::oid::bigint,
    'order', v_order,
    'is_own', v_name <> 'job_common',
    'blocked', tocsin_internal.has_column(v_table, 'blocked'),
    'active_count', tocsin_internal.has_column(v_queues, 'active_count'),
    'by_completion', exists (
      select from pg_catalog.pg_index i
      join pg_catalog.pg_attribute n on n.attrelid = i.indrelid and n.attnum = i.indkey[0]
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[1]
      where i.indrelid = v_table and i.indisvalid and n.attname = 'name'
        and a.attname = 'completed_on'
        and (i.indpred is null
          or pg_get_expr(i.indpred, i.indrelid) = '(completed_on IS NOT NULL)')));
end
$$;

comment on function tocsin_internal.shape_of_pgboss(text) is
  'Which table, columns and indexes a queue of pg-boss has; null: there is no such queue.';

create function tocsin_internal.read_pgboss(
  p_queue tocsin.queues, p_state tocsin_internal.queue_states, p_now timestamptz
) returns tocsin_internal.queue_reading
language plpgsql stable set search_path = ''
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off
as $$
declare
  v_shape jsonb := p_state.shape;
  v_name constant text := p_queue.queue_name;
  v_since constant timestamptz := coalesce(p_state.sampled_at, p_now);
  v_jobs bigint;
  v_waiting record;
  v_ended record;
  v_whole record;
  v_changes record;
  v tocsin_internal.queue_reading;
begin
  -- what dynamic SQL returns, for supabase db lint
  perform 'PRAGMA:TYPE:v_waiting (n bigint, ready bigint, oldest_at timestamptz, '
    'next_at timestamptz, retried bigint, poison bigint)';
  perform 'PRAGMA:TYPE:v_whole (came bigint, active bigint, poison bigint, read bigint, '
    'retried bigint, last_read_at timestamptz, finished bigint, failed bigint, ended bigint, '
    'ended_badly bigint, waits double precision[], processings double precision[])';
  perform 'PRAGMA:TYPE:v_ended (finished bigint, failed bigint, ended bigint, ended_badly bigint, '
    'read bigint, retried bigint, last_read_at timestamptz, waits double precision[], '
    'processings double precision[])';
  if tocsin_internal.is_shape_old(p_state, p_now) or to_regclass(v_shape ->> 'table')::oid::bigint
      is distinct from (v_shape ->> 'relation')::bigint
  then
    v_shape := tocsin_internal.shape_of_pgboss(v_name);
    v.is_shaped := true;
  end if;
  if v_shape is null then
    raise exception 'the table of its jobs is gone' using errcode = 'TC098',
      hint = 'It is taken off when pgboss.queue no longer names it.';
  elsif v_shape ->> 'order' is null then
    raise exception 'no index of % says which jobs wait', v_shape ->> 'table'
      using errcode = 'TC098', hint = 'pg-boss makes such an index by itself: let it migrate.';
  end if;
  v.shape := v_shape - 'counted_by';
  v.relation := (v_shape ->> 'relation')::bigint::oid;
  v.storage := pg_relation_filenode(v.relation);

  execute format($statement$
    with waiting as materialized (
      select start_after, created_on, retry_count from %s
      where name = $1 and state < 'active' %s order by %s limit 10001
    )
    select count(*) as n, count(*) filter (where start_after <= $2) as ready,
      min(greatest(start_after, created_on)) filter (where start_after <= $2) as oldest_at,
      min(start_after) filter (where start_after > $2) as next_at,
      count(*) filter (where retry_count > 0) as retried,
      count(*) filter (where retry_count > $3) as poison
    from waiting
  $statement$, v_shape ->> 'table',
    case when (v_shape ->> 'blocked')::boolean then 'and not blocked' else '' end,
    -- a name in front, as in the index
    case v_shape ->> 'order' when 'priority' then 'name, priority desc, created_on, start_after'
      else 'name, start_after' end)
  into v_waiting using v_name, p_now, p_queue.poison_reads;
  v.is_capped := v_waiting.n > 10000;
  v.ready_count := least(v_waiting.ready, 10000);
  v.delayed_count := least(v_waiting.n, 10000) - v.ready_count;
  v.oldest_at := v_waiting.oldest_at;
  v.next_ready_at := v_waiting.next_at;
  v.poison_count := v_waiting.poison;

  execute format('select count(*) from (select from %s where name = $1 order by name, id '
    'limit 2001) as j', v_shape ->> 'table') into v_jobs using v_name;
  if v_jobs <= 2000 then
    execute format($statement$
      with job as materialized (
        select state::text as state, start_after, created_on, started_on, completed_on, retry_count
        from %s where name = $1 order by name, id
      )
      select count(*) filter (where created_on > $4 and created_on <= $2) as came,
        count(*) filter (where state = 'active') as active,
        count(*) filter (where state = 'active' and retry_count > $3) as poison,
        count(*) filter (where started_on is not null) as read,
        count(*) filter (where started_on is not null and retry_count > 0) as retried,
        max(started_on) as last_read_at,
        count(*) filter (where completed_on > $4) as finished,
        count(*) filter (where completed_on > $4 and state = 'failed') as failed,
        count(*) filter (where is_late and state in ('completed', 'failed')) as ended,
        count(*) filter (where is_late and state = 'failed') as ended_badly,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by
          greatest(0, extract(epoch from started_on - greatest(created_on, start_after))))
          filter (where retry_count = 0 and started_on > $2 - interval '5 minutes') as waits,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by
          greatest(0, extract(epoch from completed_on - started_on)))
          filter (where is_late and state = 'completed') as processings
      from (select *, completed_on > $2 - interval '5 minutes' as is_late from job) as j
    $statement$, v_shape ->> 'table')
    into v_whole using v_name, p_now, p_queue.poison_reads, v_since;
    v.in_flight_count := v_whole.active;
    v.poison_count := v.poison_count + v_whole.poison;
    v.read_count := v_whole.read;
    v.retried_count := v_whole.retried;
    v.last_read_at := v_whole.last_read_at;
    v.finished_count := v_whole.finished;
    v.failed_count := v_whole.failed;
    v.finished_in_window := v_whole.ended;
    v.failed_in_window := v_whole.ended_badly;
    v.waits := v_whole.waits;
    v.processings := v_whole.processings;
    -- jobs that are gone were here once: it only has to grow by what came since
    v.enqueued_total := coalesce(p_state.enqueued_total, 0) + v_whole.came;
    v.shape := v_shape || '{"counted_by": "jobs"}';
    return v;
  end if;

  if (v_shape ->> 'active_count')::boolean then
    execute format('select active_count from %s where name = $1', to_regclass('pgboss.queue'))
    into v.in_flight_count using v_name;
  end if;
  if (v_shape ->> 'is_own')::boolean then
    select * into v_changes from tocsin_internal.count_changes(v.relation, false);
    v.enqueued_total := v_changes.inserted;
    v.updated_total := v_changes.updated;
    v.shape := v_shape || '{"counted_by": "statistics"}';
  end if;
  if (v_shape ->> 'by_completion')::boolean then
    execute format($statement$
      with job as materialized (
        select state::text as state, start_after, created_on, started_on, completed_on, retry_count
        from %s where name = $1 and completed_on is not null
          and completed_on > $2 - interval '5 minutes'
        order by name desc, completed_on desc limit 10000
      )
      select count(*) filter (where completed_on > $3) as finished,
        count(*) filter (where completed_on > $3 and state = 'failed') as failed,
        count(*) filter (where state in ('completed', 'failed')) as ended,
        count(*) filter (where state = 'failed') as ended_badly,
        count(*) filter (where started_on is not null) as read,
        count(*) filter (where started_on is not null and retry_count > 0) as retried,
        max(started_on) as last_read_at,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by
          greatest(0, extract(epoch from started_on - greatest(created_on, start_after))))
          filter (where retry_count = 0 and started_on is not null) as waits,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by
          greatest(0, extract(epoch from completed_on - started_on)))
          filter (where state = 'completed') as processings
      from job
    $statement$, v_shape ->> 'table') into v_ended using v_name, p_now, v_since;
    v.finished_count := v_ended.finished;
    v.failed_count := v_ended.failed;
    v.finished_in_window := v_ended.ended;
    v.failed_in_window := v_ended.ended_badly;
    v.read_count := v_ended.read;
    v.retried_count := v_ended.retried;
    v.last_read_at := v_ended.last_read_at;
    v.waits := v_ended.waits;
    v.processings := v_ended.processings;
  else
    v.unknown := array['finished', 'wait', 'processing', 'error_rate', 'retry_share'];
    v.unknown_because := format('pg-boss has no index on jobs that ended, and this queue keeps '
      'more than 2,000 jobs. Make one: create index concurrently on %s (name, completed_on)',
      v_shape ->> 'table');
  end if;
  if v.in_flight_count is null then
    v.unknown := coalesce(v.unknown, '{}') || 'in_flight'::text;
    v.unknown_because := coalesce(v.unknown_because, 'pg-boss 10 does not count active jobs.');
  end if;
  return v;
end
$$;

comment on function tocsin_internal.read_pgboss(tocsin.queues, tocsin_internal.queue_states,
  timestamptz) is
  'Looks at a queue of pg-boss. Fails when it cannot be looked at: the caller guards it.';

revoke all on all functions in schema tocsin_internal from public;
