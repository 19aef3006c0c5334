-- Error partitions: one for each day on which errors came in.
--
-- SECURITY DEFINER functions: none.

select tocsin_internal.make_default_partition('tocsin.error_metrics');

create function tocsin_internal.error_partitions() returns table (partition regclass, day date)
language sql stable set search_path = ''
as $$ select * from tocsin_internal.partitions_of('tocsin.error_metrics') $$;

comment on function tocsin_internal.error_partitions() is
  'The partitions of error_metrics, but for the default one, and the day (UTC) of each.';

create function tocsin_internal.make_error_partitions(
  p_now timestamptz default clock_timestamp(), p_limit int default 8
) returns bigint
language plpgsql set search_path = ''
as $$
begin
  perform tocsin_internal.make_partitions('tocsin.error_metrics', 'ingested_at', 1, p_now, p_limit);
  return 0;
end
$$;

comment on function tocsin_internal.make_error_partitions(timestamptz, int) is
  'Makes the partitions of error_metrics for today and the week to come, where they are missing. A '
  'step of maintain().';

create function tocsin_internal.prune_errors(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_until constant timestamptz := p_now - tocsin_internal.kept_for('error_metrics');
  v_count bigint;
begin
  perform tocsin_internal.drop_partitions('tocsin.error_metrics', 1, v_until, p_now);
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
