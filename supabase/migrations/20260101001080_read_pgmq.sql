-- Looking at a queue of pgmq.
--
-- A statement reads what is ready and what is hidden, by the index on vt; another, when something
-- has left the queue, what was archived within five minutes, by the one on archived_at. Neither
-- reads more than 10,001 rows at a place. How many came in ever is what the sequence of the ids
-- says; what was read and deleted, the statistics of Postgres. No function of pgmq is called and no
-- type of it is used, since upgrades drop them; the columns of 1.4.4 are enough, and what later
-- versions have (last_read_at) is taken where it is there.
--
-- It takes the lock of a plain SELECT, which no producer or consumer waits for.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.leading_columns(p_table regclass) returns text[]
language sql stable set search_path = ''
as $$
  select coalesce(array_agg(a.attname::text order by a.attname), '{}')
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_am m on m.oid = c.relam and m.amname = 'btree'
  join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indrelid = p_table and i.indisvalid and i.indpred is null
$$;

comment on function tocsin_internal.leading_columns(regclass) is
  'The columns by which a whole table can be read in order: those that an index begins with.';

create function tocsin_internal.has_column(p_table regclass, p_column text) returns boolean
language sql stable set search_path = ''
as $$
  select exists (select from pg_catalog.pg_attribute
    where attrelid = p_table and attname = p_column and attnum > 0 and not attisdropped)
$$;

comment on function tocsin_internal.has_column(regclass, text) is
  'Whether the table has the column.';

create function tocsin_internal.shape_of_pgmq(p_queue_name text) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_table constant regclass := to_regclass(format('pgmq.%I', lower('q_' || p_queue_name)));
  v_archive regclass := to_regclass(format('pgmq.%I', lower('a_' || p_queue_name)));
  v_leading text[];
begin
  if v_table is null then
    return null;
  end if;
  v_leading := tocsin_internal.leading_columns(v_table);
  if v_archive is not null
    and not 'archived_at' = any (tocsin_internal.leading_columns(v_archive))
  then
    v_archive := null;
  end if;
  return jsonb_build_object(
    'table', v_table,
    'relation', v_table::oid::bigint,
    'is_partitioned', (select relkind = 'p' from pg_catalog.pg_class where oid = v_table),
    'sequence', pg_get_serial_sequence(v_table::text, 'msg_id')::regclass::oid::bigint,
    -- a partitioned queue has no index on vt: then the first in its own order are read
    'order', (select o from unnest(array['vt', 'msg_id', 'enqueued_at']) with ordinality
      as k (o, place) where o = any (v_leading) order by place limit 1),
    'archive', v_archive,
    'last_read_at', tocsin_internal.has_column(v_table, 'last_read_at'),
    'archive_last_read_at', v_archive is not null
      and tocsin_internal.has_column(v_archive, 'last_read_at'));
end
$$;

comment on function tocsin_internal.shape_of_pgmq(text) is
  'Which tables, columns and indexes a queue of pgmq has; null: there is no such queue.';

create function tocsin_internal.count_changes(
  p_table oid, p_is_partitioned boolean, out inserted bigint, out updated bigint,
  out deleted bigint
)
language plpgsql stable set search_path = ''
as $$
begin
  if p_is_partitioned then
    select sum(pg_stat_get_tuples_inserted(p.relid)), sum(pg_stat_get_tuples_updated(p.relid)),
      sum(pg_stat_get_tuples_deleted(p.relid) + pg_stat_get_xact_tuples_deleted(p.relid))
    into inserted, updated, deleted
    from pg_partition_tree(p_table::regclass) p where p.isleaf;
  else
    inserted := pg_stat_get_tuples_inserted(p_table);
    updated := pg_stat_get_tuples_updated(p_table);
    deleted := pg_stat_get_tuples_deleted(p_table) + pg_stat_get_xact_tuples_deleted(p_table);
  end if;
end
$$;

comment on function tocsin_internal.count_changes(oid, boolean) is
  'How many rows of a table were inserted, updated and deleted since its statistics began.';

create function tocsin_internal.estimate_rows(p_table oid) returns bigint
language sql stable set search_path = ''
as $$
  -- as the planner does: the rows of a page, times the pages that there are by now
  select sum(case when c.relpages > 0 and c.reltuples >= 0
    then c.reltuples / c.relpages
      * (pg_relation_size(c.oid) / current_setting('block_size')::int) end)::bigint
  from pg_partition_tree(p_table::regclass) p join pg_catalog.pg_class c on c.oid = p.relid
  where p.isleaf
$$;

comment on function tocsin_internal.estimate_rows(oid) is
  'About how many rows a table has, by its size and its last ANALYZE; null: it had none.';

create function tocsin_internal.pgmq_statement(p_shape jsonb) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_columns constant text := 'select vt, read_ct, enqueued_at, '
    || case when (p_shape ->> 'last_read_at')::boolean then '' else 'null::timestamptz as ' end
    || 'last_read_at from ' || (p_shape ->> 'table');
begin
  return 'select count(*) filter (where vt <= $1) as ready, '
    'count(*) filter (where vt > $1) as hidden, '
    'count(*) filter (where vt > $1 and read_ct > 0) as in_flight, '
    'min(vt) filter (where vt <= $1) as oldest_at, '
    'min(vt) filter (where vt > $1 and read_ct = 0) as next_ready_at, '
    'count(*) filter (where read_ct > 0) as read_count, '
    'count(*) filter (where read_ct > 1) as retried_count, '
    'count(*) filter (where read_ct > $2) as poison_count, '
    'max(last_read_at) as last_read_at, '
    'array_agg(greatest(0, extract(epoch from last_read_at - enqueued_at))::double precision) '
    'filter (where vt > $1 and read_ct = 1 and last_read_at > $1 - interval ''5 minutes'') '
    'as waits from (' || case p_shape ->> 'order'
      when 'vt' then '(' || v_columns || ' where vt <= $1 order by vt limit 10001) union all ('
        || v_columns || ' where vt > $1 order by vt limit 10001)'
      else v_columns || format(' order by %I limit 10001', p_shape ->> 'order') end
    || ') as message';
end
$$;

comment on function tocsin_internal.pgmq_statement(jsonb) is
  'The statement that looks at the messages of a queue of that shape: $1 is now, $2 the reads that '
  'are too many.';

create function tocsin_internal.pgmq_archive_statement(p_shape jsonb) returns text
language sql immutable set search_path = ''
as $$
  select format('select count(*) filter (where read_ct > 0) as read_count, '
    'count(*) filter (where read_ct > 1) as retried_count, max(last_read_at) as last_read_at, '
    'percentile_cont(array[0.5, 0.95, 0.99]) within group (order by '
    'greatest(0, extract(epoch from archived_at - last_read_at))) '
    'filter (where last_read_at is not null) as processings, '
    'array_agg(greatest(0, extract(epoch from last_read_at - enqueued_at))::double precision) '
    'filter (where read_ct = 1 and last_read_at is not null) as waits '
    'from (select archived_at, enqueued_at, read_ct, %slast_read_at from %s '
    'where archived_at > $1 - interval ''5 minutes'' and archived_at <= $1 '
    'order by archived_at desc limit 1000) as archived',
    case when (p_shape ->> 'archive_last_read_at')::boolean then ''
      else 'null::timestamptz as ' end, p_shape ->> 'archive')
$$;

comment on function tocsin_internal.pgmq_archive_statement(jsonb) is
  'The statement that looks at what a queue of that shape archived within five minutes: $1 is now.';

create function tocsin_internal.read_pgmq(
  p_queue tocsin.queues, p_state tocsin_internal.queue_states, p_now timestamptz
) returns tocsin_internal.queue_reading
language plpgsql stable set search_path = ''
-- by the indexes, whatever the planner thinks of a table that was never analyzed
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off
as $$
declare
  v_relation constant regclass := to_regclass(format('pgmq.%I', lower('q_' || p_queue.queue_name)));
  v_shape jsonb := p_state.shape;
  v_found record;
  v_changes record;
  v_archived record;
  v_waits double precision[];
  v tocsin_internal.queue_reading;
begin
  -- what dynamic SQL returns, for supabase db lint
  perform 'PRAGMA:TYPE:v_found (ready bigint, hidden bigint, in_flight bigint, '
    'oldest_at timestamptz, next_ready_at timestamptz, read_count bigint, retried_count bigint, '
    'poison_count bigint, last_read_at timestamptz, waits double precision[])';
  perform 'PRAGMA:TYPE:v_archived (read_count bigint, retried_count bigint, '
    'last_read_at timestamptz, processings double precision[], waits double precision[])';
  if tocsin_internal.is_shape_old(p_state, p_now)
    or v_relation::oid::bigint is distinct from (v_shape ->> 'relation')::bigint
  then
    v_shape := tocsin_internal.shape_of_pgmq(p_queue.queue_name);
    v.is_shaped := true;
  end if;
  if v_shape is null then
    raise exception 'its table pgmq.% is gone', lower('q_' || p_queue.queue_name)
      using errcode = 'TC098', hint = 'It is taken off when pgmq.meta no longer names it.';
  elsif v_shape ->> 'order' is null then
    raise exception 'no index of pgmq.% says what comes first', lower('q_' || p_queue.queue_name)
      using errcode = 'TC098', hint = format('create index concurrently on %s (vt)',
        v_shape ->> 'table');
  end if;
  v.shape := v_shape;
  v.relation := v_relation;
  v.storage := pg_relation_filenode(v_relation);
  v.enqueued_total := coalesce(
    pg_sequence_last_value((v_shape ->> 'sequence')::bigint::oid::regclass), 0);
  execute tocsin_internal.pgmq_statement(v_shape) into v_found using p_now, p_queue.poison_reads;
  select * into v_changes from tocsin_internal.count_changes(v_relation,
    (v_shape ->> 'is_partitioned')::boolean);
  v.updated_total := v_changes.updated;
  v.deleted_total := v_changes.deleted;

  v.is_capped := greatest(v_found.ready, v_found.hidden,
    case when v_shape ->> 'order' <> 'vt' then v_found.ready + v_found.hidden end) > 10000;
  v.ready_count := least(v_found.ready, 10000);
  v.in_flight_count := least(v_found.in_flight, 10000);
  v.delayed_count := least(v_found.hidden - v_found.in_flight, 10000);
  v.oldest_at := v_found.oldest_at;
  v.next_ready_at := v_found.next_ready_at;
  v.read_count := v_found.read_count;
  v.retried_count := v_found.retried_count;
  v.poison_count := v_found.poison_count;
  v.last_read_at := v_found.last_read_at;
  v_waits := v_found.waits;

  -- the archive has something new only when something has left the queue, or did before
  if v_shape ->> 'archive' is not null and (p_state.deleted_total is distinct from v.deleted_total
    or p_state.has_archived)
  then
    execute tocsin_internal.pgmq_archive_statement(v_shape) into v_archived using p_now;
    v.has_archived := v_archived.read_count > 0;
    v.read_count := v.read_count + v_archived.read_count;
    v.retried_count := v.retried_count + v_archived.retried_count;
    v.last_read_at := greatest(v.last_read_at, v_archived.last_read_at);
    v.processings := v_archived.processings;
    v_waits := v_waits || v_archived.waits;
  end if;
  if v_waits is not null then
    v.waits := (
      select percentile_cont(array[0.5, 0.95, 0.99]) within group (order by w)
      from unnest(v_waits) as w);
  end if;
  if v.is_capped then
    v.estimated_length := tocsin_internal.estimate_rows(v_relation);
  end if;
  if not (v_shape ->> 'last_read_at')::boolean then
    v.unknown := array['wait', 'processing'];
    v.unknown_because := 'This pgmq is older than 1.10 and does not note when a message is read.';
  elsif v_shape ->> 'archive' is null then
    v.unknown := array['processing'];
    v.unknown_because := 'Its archive has no index on archived_at.';
  end if;
  return v;
end
$$;

comment on function tocsin_internal.read_pgmq(tocsin.queues, tocsin_internal.queue_states,
  timestamptz) is
  'Looks at a queue of pgmq. Fails when it cannot be looked at: the caller guards it.';

revoke all on all functions in schema tocsin_internal from public;
