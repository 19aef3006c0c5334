-- Replaying events: which stored failures a setting of an event kind would have heard of, by the
-- matching that works live, and when their workflows succeeded again.
--
-- A failure is taken at the time at which it was stored: that is when live decided it. Criticality,
-- and other settings that replace this one, are those of today. Everything runs as its caller.
--
-- Errors: TC042 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create type tocsin_internal.replayed_event as (
  occurrence tocsin_internal.occurrence,
  failed_at timestamptz,
  workflow_name text
);
comment on type tocsin_internal.replayed_event is
  'A failure as admission hears of it in a replay (at: when it was stored), and when it failed.';

create function tocsin_internal.wanted_events(
  p_setting tocsin.alert_settings, p_from timestamptz, p_to timestamptz
) returns setof tocsin_internal.replayed_event
language plpgsql stable set search_path = '' set work_mem = '64MB' set jit = off
  set enable_nestloop = off
as $$
#variable_conflict use_column
begin
  return query
  with event as materialized (
    select e.error_id, e.source_id, e.project_id, e.workflow_id, e.workflow_name, e.run_id,
      e.timestamp, e.ingested_at, e.origin, e.error_type, e.source, e.node, e.is_new,
      e.is_regression, tocsin_internal.weigh(w.criticality::text, e.severity) as weight,
      coalesce(w.criticality::text, 'normal') as criticality,
      dense_rank() over (order by e.project_id, e.workflow_id, e.origin, e.error_type, e.source,
        e.node, e.severity, e.is_new, e.is_regression) as sort
    from tocsin.error_metrics e
    left join tocsin.workflow_settings w
      on w.project_id = e.project_id and w.workflow_id = e.workflow_id
    where e.ingested_at between p_from and p_to and not e.is_ignored
      and (p_setting.project_id is null or e.project_id = p_setting.project_id)
      and (p_setting.workflow_id is null or e.workflow_id = p_setting.workflow_id)
  ),
  sorts as (
    select array_agg(row(s.sort, s.project_id, s.workflow_id, s.origin, s.error_type, s.source,
      s.node, s.weight, s.criticality, s.is_new, s.is_regression)::tocsin_internal.error_sort)
      as sorts
    from (select distinct on (e.sort) e.* from event e order by e.sort) as s
  ),
  matched as materialized (
    select m.sort
    from sorts cross join lateral tocsin_internal.match_sorts(sorts.sorts, array(
      select s from tocsin_internal.event_settings(array(
        select distinct project_id from event)) as s
      where s.kind = p_setting.kind and s.setting_id <> p_setting.setting_id
      union all
      select tocsin_internal.event_setting_of(p_setting))) as m
    where m.setting_id = p_setting.setting_id
  )
  select row(e.error_id, 'failure', p_setting.setting_id, null, e.source_id, e.project_id,
      e.workflow_id, e.run_id, e.weight, e.ingested_at, null, null)::tocsin_internal.occurrence,
    e.timestamp, e.workflow_name
  from event e join matched m on m.sort = e.sort
  order by e.ingested_at, e.timestamp, e.error_id
  limit 100001;
end
$$;

comment on function tocsin_internal.wanted_events(tocsin.alert_settings, timestamptz, timestamptz)
  is 'The stored failures that a setting wants, in the order in which they would be decided.';

create function tocsin_internal.first_success(
  p_occurrence tocsin_internal.occurrence, p_failed_at timestamptz, p_until timestamptz,
  p_bucket interval
) returns timestamptz
language plpgsql stable set search_path = ''
as $$
begin
  return (
    select min(b.bucket_at) + p_bucket from tocsin_internal.run_buckets b
    where b.bucket_minutes = (extract(epoch from p_bucket) / 60)::int
      and b.project_id = p_occurrence.project_id and b.workflow_id = p_occurrence.workflow_id
      and b.source_id = p_occurrence.source_id
      and b.bucket_at > date_bin(p_bucket, p_failed_at, '2000-01-01 00:00:00+00')
      and b.bucket_at < p_until and b.success_count > 0);
end
$$;

comment on function tocsin_internal.first_success(tocsin_internal.occurrence, timestamptz,
  timestamptz, interval) is
  'The end of the first bucket, after that of a failure, in which its workflow succeeded.';

create type tocsin_internal.replayed_transition as (
  occurrence tocsin_internal.occurrence,
  place bigint,
  pending_since timestamptz,
  value double precision,
  sample bigint,
  is_flapping boolean
);
comment on type tocsin_internal.replayed_transition is
  'What admission hears of in a replay, with what there is to say of its alert. place: the order '
  'of what comes at one time.';

create function tocsin_internal.replay_recoveries(
  p_setting tocsin.alert_settings, p_events tocsin_internal.replayed_event[], p_to timestamptz,
  p_bucket interval
) returns setof tocsin_internal.replayed_transition
language plpgsql stable set search_path = ''
as $$
declare
  v_row record;
  o tocsin_internal.occurrence;
  v_alert_id uuid;
  v_name text;
  v_count double precision;
  v_severity tocsin.severity;
  v_began_at timestamptz;
  v_failed_at timestamptz;
  v_over_at timestamptz;
  v_fires timestamptz[];
  v_is_flapping boolean;
begin
  for v_row in
    select u.occurrence, u.failed_at, u.workflow_name, u.ordinality,
      lag(u.ordinality) over w is null as is_first, lead((u.occurrence).at) over w as next_at
    from unnest(p_events) with ordinality as u
    window w as (partition by (u.occurrence).source_id, (u.occurrence).project_id,
      (u.occurrence).workflow_id order by u.ordinality)
    order by (u.occurrence).source_id, (u.occurrence).project_id, (u.occurrence).workflow_id,
      u.ordinality
  loop
    o := v_row.occurrence;
    if v_row.is_first then
      v_alert_id := null;
      v_fires := '{}';
    end if;
    if v_alert_id is null then
      v_alert_id := gen_random_uuid();
      v_name := v_row.workflow_name;
      v_began_at := o.at;
      v_count := 0;
      v_severity := null;
      v_failed_at := null;
      v_fires := array(select f from unnest(v_fires) as f where f > o.at - interval '1 hour')
        || o.at;
      v_is_flapping := cardinality(v_fires) >= 3;
    end if;
    o.alert_id := v_alert_id;
    v_count := v_count + 1;
    v_severity := greatest(v_severity, o.severity);
    v_failed_at := greatest(v_failed_at, v_row.failed_at);
    return next row(o, v_row.ordinality, null, v_count, null, v_is_flapping)
      ::tocsin_internal.replayed_transition;

    -- a minute is judged five seconds after its end: what is stored by then comes before
    if coalesce(v_row.next_at, p_to + interval '5 seconds') - v_failed_at > p_bucket then
      v_over_at := tocsin_internal.first_success(o, v_failed_at,
        least(v_row.next_at, p_to), p_bucket);
      v_over_at := case when v_over_at is not null then greatest(v_over_at, v_began_at)
        + tocsin_internal.calm_needed(p_setting, v_is_flapping) end;
      if v_over_at <= p_to
        and (v_row.next_at is null or v_over_at + interval '5 seconds' < v_row.next_at)
      then
        return next row(row(gen_random_uuid(), 'resolved', p_setting.setting_id, v_alert_id,
            o.source_id, o.project_id, o.workflow_id, null, v_severity, v_over_at,
            tocsin_internal.say_recovery(v_name, o.workflow_id),
            tocsin_internal.facts_of_recovery(v_count, v_began_at))::tocsin_internal.occurrence,
          null, null, v_count, null, v_is_flapping)::tocsin_internal.replayed_transition;
        v_alert_id := null;
      end if;
    end if;
  end loop;
end
$$;

comment on function tocsin_internal.replay_recoveries(tocsin.alert_settings,
  tocsin_internal.replayed_event[], timestamptz, interval) is
  'The failures with the alerts that they begin or go on with, and the ends of these.';

create function tocsin_internal.replay_events(
  p_setting tocsin.alert_settings, p_from timestamptz, p_to timestamptz, p_step interval
) returns setof tocsin_internal.replayed_transition
language plpgsql stable set search_path = ''
as $$
declare
  v_events constant tocsin_internal.replayed_event[] := array(
    select e from tocsin_internal.wanted_events(p_setting, p_from, p_to) as e);
begin
  if cardinality(v_events) > 100000 then
    raise exception 'That are more than 100000 failures: too many to replay'
      using errcode = 'TC042', hint = 'Name a project or a workflow, or take a shorter range.';
  elsif p_step > interval '0' then
    return query
      select * from tocsin_internal.replay_recoveries(p_setting, v_events, p_to, p_step);
  else
    return query
      select e.occurrence, e.ordinality, null::timestamptz, null::double precision, null::bigint,
        false
      from unnest(v_events) with ordinality as e;
  end if;
end
$$;

comment on function tocsin_internal.replay_events(tocsin.alert_settings, timestamptz, timestamptz,
  interval) is
  'What a setting of an event kind would have given to admission; p_step: the buckets by which its '
  'workflows are seen to succeed again, zero where it does not ask. Raises TC042.';

revoke all on all functions in schema tocsin_internal from public;

-- A backtest runs as its caller, who sees the errors of their own projects.
grant execute on function
  tocsin_internal.texts_of(jsonb),
  tocsin_internal.weigh(text, tocsin.severity),
  tocsin_internal.event_setting_of(tocsin.alert_settings),
  tocsin_internal.event_settings(text[]),
  tocsin_internal.match_sorts(tocsin_internal.error_sort[], tocsin_internal.event_setting[]),
  tocsin_internal.wanted_events(tocsin.alert_settings, timestamptz, timestamptz),
  tocsin_internal.first_success(tocsin_internal.occurrence, timestamptz, timestamptz, interval),
  tocsin_internal.calm_needed(tocsin.alert_settings, boolean),
  tocsin_internal.say_recovery(text, text),
  tocsin_internal.facts_of_recovery(double precision, timestamptz),
  tocsin_internal.replay_recoveries(tocsin.alert_settings, tocsin_internal.replayed_event[],
    timestamptz, interval),
  tocsin_internal.replay_events(tocsin.alert_settings, timestamptz, timestamptz, interval)
  to authenticated, service_role;
