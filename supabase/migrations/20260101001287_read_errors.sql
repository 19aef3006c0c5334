-- Errors for the API: a page of them and, beside it, how many there were over time, as one answer.
-- Everything runs as its caller, under the caller's RLS.
--
-- Errors: TC017, TC018, raised by what is called here (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.count_errors(
  p_from timestamptz, p_to timestamptz, p_bucket interval, p_source text, p_error_type text,
  p_severity text, p_project_id text, p_workflow_id text, p_group_id uuid, p_text text,
  p_run_id text, p_time_zone text
) returns table (bucket_at timestamptz, error_count bigint, low_count bigint, medium_count bigint,
  high_count bigint, resolution interval)
language plpgsql stable set search_path = ''
as $$
declare
  v_begins timestamptz[];
  v_end timestamptz;
begin
  perform tocsin_internal.minutes_of_bucket(p_bucket);
  perform tocsin_internal.refuse_bad_range(p_from, p_to, p_bucket, p_time_zone);
  select array_agg(s.begins order by s.begins), max(s.ends) into v_begins, v_end
  from tocsin_internal.time_slots(p_from, p_to, p_bucket, p_time_zone) as s;

  -- planned with its values: what is not asked for costs nothing
  return query execute $query$
    with counted as (
      select width_bucket(e.timestamp, $1) as slot, e.severity, count(*) as n
      from tocsin.error_metrics e
      where e.timestamp >= ($1)[1] and e.timestamp < $2 and e.ingested_at >= ($1)[1]
        and ($3 is null or e.source::text = $3)
        and ($4 is null or e.error_type::text = $4)
        and ($5 is null or e.severity::text = $5)
        and ($6 is null or e.project_id = $6)
        and ($7 is null or e.workflow_id = $7)
        and ($8 is null or (e.project_id, e.fingerprint) = (
          select g.project_id, g.fingerprint from tocsin.error_groups g where g.group_id = $8))
        and ($9 is null or strpos(lower(e.message), lower($9)) > 0)
        and ($10 is null or e.run_id = $10)
      group by 1, 2
    )
    select s.begins, coalesce(sum(c.n), 0)::bigint,
      coalesce(sum(c.n) filter (where c.severity = 'low'), 0)::bigint,
      coalesce(sum(c.n) filter (where c.severity = 'medium'), 0)::bigint,
      coalesce(sum(c.n) filter (where c.severity = 'high'), 0)::bigint, $11
    from unnest($1) with ordinality as s (begins, slot)
    left join counted c on c.slot = s.slot
    group by s.begins order by s.begins
  $query$
  using v_begins, v_end, p_source, p_error_type, p_severity, p_project_id, p_workflow_id,
    p_group_id, p_text, p_run_id, p_bucket;
end
$$;

comment on function tocsin_internal.count_errors(timestamptz, timestamptz, interval, text, text,
  text, text, text, uuid, text, text, text) is
  'Errors over time as error_rate_history() tells them, counted from the stored errors: for what '
  'no counter knows, such as a text. Raises TC017 and TC018.';

create function tocsin.read_error_metrics(
  p_from timestamptz, p_to timestamptz, p_bucket interval default '1 hour',
  p_source text default null, p_error_type text default null, p_severity text default null,
  p_project_id text default null, p_workflow_id text default null, p_group_id uuid default null,
  p_text text default null, p_run_id text default null, p_time_zone text default 'UTC',
  p_limit int default 50, p_after_timestamp timestamptz default null,
  p_after_error_id uuid default null, p_now timestamptz default clock_timestamp()
) returns json
language plpgsql stable set search_path = '' set jit = off
as $$
declare
  v_counts json;
  -- counters of a group are of all of it
  v_is_counted constant boolean := p_text is null and p_run_id is null and (p_group_id is null
    or num_nonnulls(p_source, p_error_type, p_severity, p_project_id, p_workflow_id) = 0);
begin
  if p_after_error_id is null and v_is_counted then
    select json_agg(json_build_object('bucket_at', h.bucket_at, 'error_count', h.error_count,
      'low_count', h.low_count, 'medium_count', h.medium_count, 'high_count', h.high_count,
      'resolution', tocsin_internal.name_of_bucket(h.resolution)) order by h.bucket_at)
    into v_counts
    from tocsin.error_rate_history(p_from, p_to, p_bucket, p_project_id, p_workflow_id, p_source,
      p_error_type, p_severity, p_group_id, p_time_zone, p_now) as h;
  elsif p_after_error_id is null then
    select json_agg(json_build_object('bucket_at', h.bucket_at, 'error_count', h.error_count,
      'low_count', h.low_count, 'medium_count', h.medium_count, 'high_count', h.high_count,
      'resolution', tocsin_internal.name_of_bucket(h.resolution)) order by h.bucket_at)
    into v_counts
    from tocsin_internal.count_errors(p_from, p_to, p_bucket, p_source, p_error_type, p_severity,
      p_project_id, p_workflow_id, p_group_id, p_text, p_run_id, p_time_zone) as h;
  end if;

  return json_build_object('counts', v_counts, 'page', tocsin.page_errors(p_from, p_to, p_source,
    p_error_type, p_severity, p_project_id, p_workflow_id, p_group_id, p_text, p_run_id, p_limit,
    p_after_timestamp, p_after_error_id));
end
$$;

comment on function tocsin.read_error_metrics(timestamptz, timestamptz, interval, text, text, text,
  text, text, uuid, text, text, text, int, timestamptz, uuid, timestamptz) is
  'GET /error-metrics: {counts, page}, of one snapshot. counts are errors over time, null but for '
  'the first page; page is that of page_errors(). As the caller, under RLS. Raises TC017 and '
  'TC018.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.count_errors(timestamptz, timestamptz, interval, text,
  text, text, text, text, uuid, text, text, text) to authenticated, service_role;
revoke all on function tocsin.read_error_metrics(timestamptz, timestamptz, interval, text, text,
  text, text, text, uuid, text, text, text, int, timestamptz, uuid, timestamptz)
  from public, anon;
grant execute on function tocsin.read_error_metrics(timestamptz, timestamptz, interval, text, text,
  text, text, text, uuid, text, text, text, int, timestamptz, uuid, timestamptz)
  to authenticated, service_role;
