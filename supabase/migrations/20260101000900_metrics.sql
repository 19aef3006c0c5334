-- Metrics: what people read. Each figure is what is counted plus what is pending, in one statement,
-- so that it equals the table at any instant. Everything runs as the caller, under the caller's
-- RLS.
--
-- In all of it: failure_count has the timed-out runs in it, which timed_out_count also tells apart;
-- success_rate is successes among successes and failures, from 0 to 1, null when there are none;
-- durations are in milliseconds, percentiles at most 5 % off.
--
-- SECURITY DEFINER functions: none.

-- who reads one workflow asks by its name, whatever its project
create index run_totals_workflow_id_idx on tocsin_internal.run_totals (workflow_id);

-- The columns are written out twice, so that the many rows which need no settling are read and
-- worked out in one step. left() is asked only where it cuts, since it counts the characters. And
-- date_part() in whole microseconds is as exact as extract(), whose numeric takes far longer.
create view tocsin_internal.pending_outcomes with (security_invoker = true) as
select * from (
  with known as materialized (
    select array_agg(source_id) filter (where watched_since is not null) as sources,
      max(watched_since) as watched_since,
      coalesce((select floor from tocsin_internal.outcome_floor), 0) as floor
    from tocsin_internal.counted_ranges
  ),
  -- what cannot be told at a glance: as roll_up() will take it in
  doubtful as materialized (
    select o, coalesce(o.sign = 1 and o.signal is null and o.is_move is null
        and coalesce(o.finished_at, o.started_at) >= c.watched_since
        and coalesce(o.finished_at, o.started_at) <= o.captured_at + interval '1 hour', false)
      as is_plain
    from tocsin_internal.run_outcomes o
    left join tocsin_internal.counted_ranges c on c.source_id = o.source_id
    where o.outcome_id >= (select floor from known) and not coalesce(
      o.sign = 1 and o.signal is null and o.is_move is null
      and coalesce(o.finished_at, o.started_at) >= (select watched_since from known)
      and coalesce(o.finished_at, o.started_at) <= o.captured_at
      and o.source_id = any (array(select unnest(sources) from known)), false)
  )
  select o.source_id, o.run_id,
    case when octet_length(o.project_id) > 200 then left(o.project_id, 200)
      else coalesce(o.project_id, '') end as project_id,
    case when octet_length(o.workflow_id) > 200 then left(o.workflow_id, 200)
      else coalesce(o.workflow_id, '') end as workflow_id,
    o.outcome, o.sign, o.started_at, o.finished_at, o.captured_at,
    case when isfinite(o.finished_at) and o.finished_at >= '2000-01-01 00:00:00+00'
      then least(o.finished_at, o.captured_at) else o.captured_at end as at,
    case when isfinite(o.started_at) and o.started_at >= '2000-01-01 00:00:00+00'
        and o.finished_at >= '2000-01-01 00:00:00+00'
        and o.finished_at <= o.captured_at + interval '1 hour'
      then greatest(0, round(date_part('epoch', o.finished_at - o.started_at) * 1000000) / 1000)
      end as duration_ms
  from tocsin_internal.run_outcomes o
  -- nearly all came to their end since all that is watched was
  where o.outcome_id >= (select floor from known)
    and o.sign = 1 and o.signal is null and o.is_move is null
    and coalesce(o.finished_at, o.started_at) >= (select watched_since from known)
    and coalesce(o.finished_at, o.started_at) <= o.captured_at
    and o.source_id = any (array(select unnest(sources) from known))
  union all
  select o.source_id, o.run_id,
    case when octet_length(o.project_id) > 200 then left(o.project_id, 200)
      else coalesce(o.project_id, '') end as project_id,
    case when octet_length(o.workflow_id) > 200 then left(o.workflow_id, 200)
      else coalesce(o.workflow_id, '') end as workflow_id,
    o.outcome, o.sign, o.started_at, o.finished_at, o.captured_at,
    case when isfinite(o.finished_at) and o.finished_at >= '2000-01-01 00:00:00+00'
      then least(o.finished_at, o.captured_at) else o.captured_at end as at,
    case when isfinite(o.started_at) and o.started_at >= '2000-01-01 00:00:00+00'
        and o.finished_at >= '2000-01-01 00:00:00+00'
        and o.finished_at <= o.captured_at + interval '1 hour'
      then greatest(0, round(date_part('epoch', o.finished_at - o.started_at) * 1000000) / 1000)
      end as duration_ms
  from (
    select (o).* from doubtful where is_plain
    union all
    select (s.outcome).*
    -- offset 0: the array is made once
    from (select array(select o from doubtful where not is_plain) as outcomes offset 0) as d
    cross join lateral tocsin_internal.settle_outcomes(d.outcomes) as s
    where cardinality(d.outcomes) > 0 and s.verdict = 'count' and (s.outcome).sign <> 0
  ) as o
) as pending;

comment on view tocsin_internal.pending_outcomes is
  'Outcomes that are not rolled up yet, as roll_up() will count them.';
comment on column tocsin_internal.pending_outcomes.source_id is 'The run source.';
comment on column tocsin_internal.pending_outcomes.run_id is 'The run.';
comment on column tocsin_internal.pending_outcomes.project_id is 'The project; empty: none.';
comment on column tocsin_internal.pending_outcomes.workflow_id is 'The workflow; empty: none.';
comment on column tocsin_internal.pending_outcomes.outcome is
  'succeeded, failed, canceled or timed_out.';
comment on column tocsin_internal.pending_outcomes.sign is '1: came to it. -1: left it again.';
comment on column tocsin_internal.pending_outcomes.started_at is 'As its row says.';
comment on column tocsin_internal.pending_outcomes.finished_at is 'As its row says.';
comment on column tocsin_internal.pending_outcomes.captured_at is 'When the trigger saw it.';
comment on column tocsin_internal.pending_outcomes.at is 'When it counts.';
comment on column tocsin_internal.pending_outcomes.duration_ms is
  'How long it took; null: its row does not say.';

create view tocsin.workflow_run_metrics with (security_invoker = true) as
select source_id, project_id, workflow_id, success_count, failure_count, timed_out_count,
  canceled_count,
  success_count::double precision / nullif(success_count + failure_count, 0) as success_rate,
  last_updated
from (
  -- numbers up to 2^53 are exact in double precision, and quicker to sum than bigint
  select source_id, project_id, workflow_id, sum(succeeded)::bigint as success_count,
    sum(failed + timed_out)::bigint as failure_count, sum(timed_out)::bigint as timed_out_count,
    sum(canceled)::bigint as canceled_count, max(last_updated) as last_updated
  from (
    select source_id, project_id, workflow_id, success_count::double precision as succeeded,
      failed_count::double precision as failed, timed_out_count::double precision as timed_out,
      canceled_count::double precision as canceled, last_updated
    from tocsin_internal.run_buckets where bucket_minutes = 0
    union all
    select source_id, project_id, workflow_id,
      case outcome when 'succeeded' then sign else 0 end::double precision,
      case outcome when 'failed' then sign else 0 end::double precision,
      case outcome when 'timed_out' then sign else 0 end::double precision,
      case outcome when 'canceled' then sign else 0 end::double precision, captured_at
    from tocsin_internal.pending_outcomes
  ) as counted
  group by source_id, project_id, workflow_id
) as summed;

comment on view tocsin.workflow_run_metrics is
  'How the runs of each workflow ended, since it is counted. Exact at any instant.';
comment on column tocsin.workflow_run_metrics.source_id is 'The run source.';
comment on column tocsin.workflow_run_metrics.project_id is 'The project; empty: none.';
comment on column tocsin.workflow_run_metrics.workflow_id is 'The workflow; empty: none.';
comment on column tocsin.workflow_run_metrics.success_count is 'Runs that succeeded.';
comment on column tocsin.workflow_run_metrics.failure_count is 'Runs that failed or timed out.';
comment on column tocsin.workflow_run_metrics.timed_out_count is 'Of these, runs that timed out.';
comment on column tocsin.workflow_run_metrics.canceled_count is 'Runs that were canceled.';
comment on column tocsin.workflow_run_metrics.success_rate is
  'Successes among successes and failures, from 0 to 1; null: there were none.';
comment on column tocsin.workflow_run_metrics.last_updated is 'When a run last ended.';

create function tocsin_internal.pending_buckets(
  p_from timestamptz, p_to timestamptz, p_project_id text, p_workflow_id text, p_source_id text
) returns setof tocsin_internal.run_buckets
language plpgsql stable set search_path = ''
as $$
begin
  return query
  select 0, p.project_id, p.workflow_id, p.source_id, p.at,
    case p.outcome when 'succeeded' then p.sign else 0 end::bigint,
    case p.outcome when 'failed' then p.sign else 0 end::bigint,
    case p.outcome when 'timed_out' then p.sign else 0 end::bigint,
    case p.outcome when 'canceled' then p.sign else 0 end::bigint,
    case when p.duration_ms is null then 0 else p.sign end::bigint,
    coalesce(p.duration_ms * p.sign, 0), case p.sign when 1 then p.duration_ms end,
    case p.sign when 1 then p.duration_ms end,
    case when p.duration_ms is null then '{}' else array[case when p.duration_ms <= 1 then 0
      else least(ceil(ln(p.duration_ms) / ln(1.1::double precision)), 400) end::smallint] end,
    case when p.duration_ms is null then '{}' else array[p.sign::bigint] end, p.captured_at
  from tocsin_internal.pending_outcomes p
  -- in this order: what most rows fail first
  where case when p.workflow_id <> p_workflow_id or p.project_id <> p_project_id
      or p.source_id <> p_source_id then false
    else p.at >= p_from and p.at < p_to end;
end
$$;

comment on function tocsin_internal.pending_buckets(timestamptz, timestamptz, text, text, text) is
  'What is pending in a range, as buckets of one outcome each.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on tocsin_internal.pending_outcomes from public, anon, authenticated, service_role;
grant select on tocsin_internal.pending_outcomes to authenticated, service_role;
revoke all on tocsin.workflow_run_metrics from public, anon, authenticated, service_role;
grant select on tocsin.workflow_run_metrics to authenticated, service_role;
grant execute on function
  tocsin_internal.pending_buckets(timestamptz, timestamptz, text, text, text)
  to authenticated, service_role;
