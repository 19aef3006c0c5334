-- Partitions by time: made a week ahead, dropped whole when they are over.
--
-- Should a span have no partition, because the upkeep did not run for a week or since the time is
-- an odd one, its rows go to the default partition: storing never fails for it. A span whose rows
-- lie there gets no partition of its own any more; they are deleted row by row when their time is
-- over.
--
-- Partitions are attached, not created in place: attaching lets readers and the heart go on. They
-- live in tocsin_internal; people read them through the table, under its policies. Each is named
-- for its table and its first day (UTC).
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.partitions_of(p_table regclass)
returns table (partition regclass, day date)
language sql stable set search_path = ''
as $$
  select c.oid::regclass, to_date(substring(c.relname from '\d{8}$'), 'YYYYMMDD')
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid
  join pg_catalog.pg_class t on t.oid = i.inhparent
  where i.inhparent = p_table and c.relname ~ ('^' || t.relname || '_\d{8}$')
$$;

comment on function tocsin_internal.partitions_of(regclass) is
  'The partitions of a table, but for the default one, and the first day (UTC) of each.';

create function tocsin_internal.make_partition(
  p_table regclass, p_name text, p_from timestamptz, p_to timestamptz
) returns void
language plpgsql set search_path = ''
as $$
begin
  execute format('create table tocsin_internal.%I (like %s including defaults including '
    'constraints including comments including indexes)', p_name, p_table);
  execute format('comment on table tocsin_internal.%I is %L', p_name,
    coalesce(format('The part of %s from %s until %s.', p_table, p_from at time zone 'UTC',
      p_to at time zone 'UTC'),
      format('The part of %s whose time has no partition. Empty, unless upkeep did not run for a '
        'week or times are odd.', p_table)));
  execute format('alter table tocsin_internal.%I enable row level security', p_name);
  execute format('create policy nobody_reads_it_through_the_api on tocsin_internal.%I '
    'using (false)', p_name);
  execute format('revoke all on tocsin_internal.%I from public, anon, authenticated, '
    'service_role', p_name);
  execute format('alter table %s attach partition tocsin_internal.%I %s', p_table, p_name,
    case when p_from is null then 'default'
      else format('for values from (%L) to (%L)', p_from, p_to) end);
end
$$;

comment on function tocsin_internal.make_partition(regclass, text, timestamptz, timestamptz) is
  'Makes a partition and attaches it; with no times, the default one.';

create function tocsin_internal.make_default_partition(p_table regclass) returns void
language sql set search_path = ''
as $$
  select tocsin_internal.make_partition(p_table, relname || '_default', null, null)
  from pg_catalog.pg_class where oid = p_table
$$;

comment on function tocsin_internal.make_default_partition(regclass) is
  'Makes the default partition of a table.';

create function tocsin_internal.make_partitions(
  p_table regclass, p_column text, p_days int, p_now timestamptz, p_limit int
) returns void
language plpgsql set search_path = '' set lock_timeout = '1s'
as $$
declare
  v_base constant text := (select relname from pg_catalog.pg_class where oid = p_table);
  v_today constant date := (p_now at time zone 'UTC')::date;
  v_day date;
  v_from timestamptz;
  v_to timestamptz;
  v_is_taken boolean;
begin
  for v_day in
    select d.day from (
      -- weeks begin on Mondays, as 2001 did
      select distinct v_today + n - (v_today + n - date '2001-01-01') % p_days as day
      from generate_series(0, 7) as n
    ) as d
    where not exists (select from tocsin_internal.partitions_of(p_table) p where p.day = d.day)
    order by d.day limit p_limit
  loop
    v_from := v_day::timestamp at time zone 'UTC';
    v_to := (v_day + p_days)::timestamp at time zone 'UTC';
    execute format('select exists (select from tocsin_internal.%I where %I >= $1 and %2$I < $2)',
      v_base || '_default', p_column) into v_is_taken using v_from, v_to;
    continue when v_is_taken;
    begin
      perform tocsin_internal.make_partition(p_table,
        v_base || '_' || to_char(v_day, 'YYYYMMDD'), v_from, v_to);
    exception when others then
      -- somebody reads for long, or stands in the way with a table of that name: next hour again
      perform tocsin_internal.record_fault('make_partitions', sqlstate, sqlerrm,
        format('%s from %s', p_table, v_day), p_now);
    end;
  end loop;
end
$$;

comment on function tocsin_internal.make_partitions(regclass, text, int, timestamptz, int) is
  'Makes the partitions of a table, p_days long each, for today and the week to come, where they '
  'are missing.';

create function tocsin_internal.drop_partitions(
  p_table regclass, p_days int, p_until timestamptz, p_now timestamptz, p_column text default null
) returns void
language plpgsql set search_path = '' set lock_timeout = '1s'
as $$
declare
  v_partition record;
  v_is_needed boolean := false;
begin
  for v_partition in
    select * from tocsin_internal.partitions_of(p_table) p
    where (p.day + p_days)::timestamp at time zone 'UTC' <= p_until order by p.day
  loop
    if p_column is not null then
      execute format('select exists (select from %s where %I >= $1)', v_partition.partition,
        p_column) into v_is_needed using p_until;
      continue when v_is_needed;
    end if;
    begin
      execute format('drop table %s', v_partition.partition);
    exception when others then
      perform tocsin_internal.record_fault('drop_partitions', sqlstate, sqlerrm,
        v_partition.partition::text, p_now);
      exit;
    end;
  end loop;
end
$$;

comment on function tocsin_internal.drop_partitions(regclass, int, timestamptz, timestamptz, text)
  is 'Drops the partitions of a table that ended before p_until; not those where p_column of some '
  'row is later.';

revoke all on all functions in schema tocsin_internal from public;
