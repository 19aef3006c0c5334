-- Error partitions: one for each day, made a week ahead, dropped whole when it is over.
--
-- Should a day have no partition, because the upkeep did not run for a week, its events go to the
-- default partition: storing never fails for it. A day whose events lie there gets no partition of
-- its own any more; they are deleted row by row when their time is over.
--
-- Partitions are attached, not created in place: attaching lets readers and the heart go on. They
-- live in tocsin_internal; people read them through tocsin.error_metrics, under its policies.
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.error_metrics_default
  (like tocsin.error_metrics including defaults including constraints including comments
     including indexes);
alter table tocsin.error_metrics attach partition tocsin_internal.error_metrics_default default;
comment on table tocsin_internal.error_metrics_default is
  'Failure events of days without a partition. Empty, unless the upkeep did not run for a week.';

alter table tocsin_internal.error_metrics_default enable row level security;
create policy nobody_reads_it_through_the_api on tocsin_internal.error_metrics_default
  using (false);
revoke all on tocsin_internal.error_metrics_default
  from public, anon, authenticated, service_role;

create function tocsin_internal.error_partitions() returns table (partition regclass, day date)
language sql stable set search_path = ''
as $$
  select c.oid::regclass, to_date(substring(c.relname from '\d{8}$'), 'YYYYMMDD')
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'tocsin.error_metrics'::regclass and c.relname ~ '^error_metrics_\d{8}$'
$$;

comment on function tocsin_internal.error_partitions() is
  'The partitions of error_metrics, but for the default one, and the day (UTC) of each.';

create function tocsin_internal.make_error_partitions(
  p_now timestamptz default clock_timestamp(), p_limit int default 8
) returns bigint
language plpgsql set search_path = '' set lock_timeout = '1s'
as $$
declare
  v_day date;
  v_name text;
  v_from timestamptz;
  v_to timestamptz;
begin
  for v_day in
    select d.day from (
      select (p_now at time zone 'UTC')::date + n as day from generate_series(0, 7) as n
    ) as d
    where not exists (select from tocsin_internal.error_partitions() p where p.day = d.day)
    order by d.day limit p_limit
  loop
    v_name := 'error_metrics_' || to_char(v_day, 'YYYYMMDD');
    v_from := v_day::timestamp at time zone 'UTC';
    v_to := (v_day + 1)::timestamp at time zone 'UTC';
    continue when exists (
      select from tocsin_internal.error_metrics_default
      where ingested_at >= v_from and ingested_at < v_to);
    begin
      execute format('create table tocsin_internal.%I (like tocsin.error_metrics including '
        'defaults including constraints including comments including indexes)', v_name);
      execute format('comment on table tocsin_internal.%I is %L', v_name,
        format('Failure events that came in on %s (UTC): a part of tocsin.error_metrics.', v_day));
      execute format('alter table tocsin_internal.%I enable row level security', v_name);
      execute format('create policy nobody_reads_it_through_the_api on tocsin_internal.%I '
        'using (false)', v_name);
      execute format('revoke all on tocsin_internal.%I from public, anon, authenticated, '
        'service_role', v_name);
      execute format('alter table tocsin.error_metrics attach partition tocsin_internal.%I '
        'for values from (%L) to (%L)', v_name, v_from, v_to);
    exception when others then
      -- somebody reads for long, or stands in the way with a table of that name: next hour again
      perform tocsin_internal.record_fault('make_error_partitions', sqlstate, sqlerrm, v_name,
        p_now);
    end;
  end loop;
  return 0;
end
$$;

comment on function tocsin_internal.make_error_partitions(timestamptz, int) is
  'Makes the partitions of error_metrics for today and the week to come, where they are missing. A '
  'step of maintain().';

create function tocsin_internal.prune_errors(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = '' set lock_timeout = '1s'
as $$
declare
  v_partition record;
  v_until constant timestamptz := p_now - tocsin_internal.kept_for('error_metrics');
  v_count bigint;
begin
  for v_partition in
    select * from tocsin_internal.error_partitions() p
    where (p.day + 1)::timestamp at time zone 'UTC' <= v_until order by p.day
  loop
    begin
      execute format('drop table %s', v_partition.partition);
    exception when others then
      perform tocsin_internal.record_fault('prune_errors', sqlstate, sqlerrm,
        v_partition.partition::text, p_now);
      exit;
    end;
  end loop;
  delete from tocsin_internal.error_metrics_default where ctid = any (array(
    select ctid from tocsin_internal.error_metrics_default
    where ingested_at < v_until limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.prune_errors(timestamptz, int) is
  'Drops the days of error_metrics that tocsin.retention no longer keeps. A step of maintain().';

create function tocsin_internal.prune_seen_errors(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with gone as (
    delete from tocsin_internal.seen_errors where ctid = any (array(
      select ctid from tocsin_internal.seen_errors
      where seen_at < p_now - interval '7 days' order by seen_at limit p_limit))
    returning 1
  )
  select count(*) from gone
$$;

comment on function tocsin_internal.prune_seen_errors(timestamptz, int) is
  'Forgets the ids of events that came more than seven days ago. A step of maintain().';

select tocsin_internal.make_error_partitions();

revoke all on all functions in schema tocsin_internal from public;
