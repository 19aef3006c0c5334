-- Kinds of alert about the jobs of pg_cron: cron_failed, cron_missed and cron_slow.
--
-- A job is judged as a workflow would be: of the source pg_cron, of no project, by its name. So a
-- setting with project_id '' and the job's name as workflow_id hears of that job alone. A job that
-- was unscheduled or switched off is not judged, and what fired about it is over.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('cron_failed', 'measure', 'Cron job failed',
   'A job of pg_cron failed, until it succeeds again.', 'evaluate_cron_failed', 'in a row',
   'Cron job {{target}} failed ({{value}})', 'Cron job {{target}} no longer fails', true, $json$[
    {"name": "threshold", "type": "integer", "default": 1, "min": 1, "max": 1000,
     "description": "Fires when so many runs of a job failed in a row."}
   ]$json$),
  ('cron_missed', 'measure', 'Cron job missed',
   'A job of pg_cron did not begin though its schedule asks for it.', 'evaluate_cron_missed',
   'missed', 'Cron job {{target}} did not begin ({{value}})',
   'Cron job {{target}} is no longer missed', true, $json$[
    {"name": "grace", "type": "interval", "default": "5 minutes", "min": "1 minute",
     "max": "7 days", "description": "How late a run may begin."}
   ]$json$),
  ('cron_slow', 'measure', 'Cron job is slow',
   'A run of a job of pg_cron took, or has been going on for, longer than a limit or than is '
   'usual.',
   'evaluate_cron_slow', 'ms', 'Cron job {{target}} takes {{value}}',
   'Cron job {{target}} is no longer slow', true, $json$[
    {"name": "threshold", "type": "number", "default": null, "min": 1, "max": 31536000000,
     "unit": "ms",
     "description": "Fires over so many milliseconds; null: over factor times the usual."},
    {"name": "factor", "type": "number", "default": 3, "min": 1.1, "max": 1000,
     "description": "Without a threshold: over so many times the median of the 100 runs before."},
    {"name": "at_least", "type": "number", "default": 10000, "min": 0, "max": 31536000000,
     "unit": "ms", "description": "Without a threshold: never for less than this."}
   ]$json$);

create function tocsin_internal.cron_targets(p_settings tocsin.alert_settings[])
returns table (setting_id uuid, parameters jsonb, reach interval, job tocsin.cron_jobs)
language sql stable set search_path = ''
as $$
  -- of two jobs of one name, the one that is scheduled last
  select distinct on (s.setting_id, k.job_name) s.setting_id, s.parameters,
    s.evaluation_interval + interval '1 minute', k
  from unnest(p_settings) as s
  join tocsin.cron_jobs k on k.is_active and k.gone_at is null
    and coalesce(s.project_id, '') = '' and (s.workflow_id is null or s.workflow_id = k.job_name)
  order by s.setting_id, k.job_name, k.job_id desc
$$;

comment on function tocsin_internal.cron_targets(tocsin.alert_settings[]) is
  'Each setting with each job of pg_cron that it is about.';

create function tocsin_internal.evaluate_cron_failed(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set enable_seqscan = off
as $$
begin
  return query
    select t.setting_id, 'pg_cron'::text, ''::text, (t.job).job_name, step.at,
      f.failures::double precision, f.failures::bigint,
      f.failures >= (t.parameters ->> 'threshold')::int, f.failures_now = 0,
      jsonb_build_object('facts', jsonb_build_array(
        jsonb_build_object('label', 'Schedule', 'value', (t.job).schedule))
        || case when (t.job).last_status = 'failed' then jsonb_build_array(
          jsonb_build_object('label', 'Last run', 'value',
            to_char((t.job).last_finished_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
              || ' UTC'),
          jsonb_build_object('label', 'Message', 'value', coalesce((t.job).last_message, '–')))
          else '[]' end)
    from tocsin_internal.cron_targets(p_settings) as t
    cross join generate_series(p_from, p_to, p_step) as step (at)
    cross join lateral (
      select m.failures_in_row as failures_now, greatest(m.failures_in_row, (
        -- one that failed and then succeeded since it was last judged was a failure all the same
        select max(b.most_failures_in_row) from tocsin.cron_metrics b
        where b.job_id = (t.job).job_id and b.minute < step.at
          and b.minute >= step.at - t.reach)) as failures
      from tocsin.cron_metrics m
      where m.job_id = (t.job).job_id and m.minute < step.at and m.run_count > 0
      order by m.minute desc limit 1
    ) as f;
end
$$;

comment on function tocsin_internal.evaluate_cron_failed(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of cron_failed: how many runs failed in a row.';

create function tocsin_internal.evaluate_cron_missed(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set enable_seqscan = off
as $$
declare
  v_zone constant text := tocsin_internal.cron_timezone();
begin
  if not tocsin_internal.does_cron_log() then
    return; -- nobody can tell
  end if;
  return query
    select t.setting_id, 'pg_cron'::text, ''::text, (t.job).job_name, step.at,
      m.count::double precision, m.count, m.count > 0, m.count = 0,
      jsonb_build_object('facts', jsonb_build_array(
        jsonb_build_object('label', 'Schedule', 'value', (t.job).schedule),
        jsonb_build_object('label', 'Due since', 'value',
          to_char(d.due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'),
        jsonb_build_object('label', 'Last began', 'value', coalesce(
          to_char(l.started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC',
          'not since it is watched')))
        || case when (t.job).running_since < d.due_at then jsonb_build_array(
          jsonb_build_object('label', 'Why', 'value', 'Its last run still goes on.'))
          else '[]' end)
    from tocsin_internal.cron_targets(p_settings) as t
    cross join generate_series(p_from, p_to, p_step) as step (at)
    left join lateral (
      select m.last_started_at from tocsin.cron_metrics m
      where m.job_id = (t.job).job_id and m.minute < step.at and m.last_started_at is not null
      order by m.minute desc limit 1
    ) as l (started_at) on true
    cross join lateral (
      -- what was noted when it last began, unless this is an instant before
      select case when l.started_at is not distinct from (t.job).last_started_at
        then (t.job).next_due_at else tocsin_internal.next_due((t.job).plan,
          greatest(l.started_at, (t.job).scheduled_since), v_zone) end
    ) as d (due_at)
    cross join lateral (
      select case when d.due_at > step.at - (t.parameters ->> 'grace')::interval then 0::bigint
        else (select count(*) from tocsin_internal.due_times((t.job).plan, d.due_at
          - case when ((t.job).plan).seconds is null then interval '1 second'
            else make_interval(secs => ((t.job).plan).seconds) end,
          step.at - (t.parameters ->> 'grace')::interval, 1000, v_zone)) end as count
    ) as m
    where step.at > (t.job).scheduled_since and d.due_at is not null;
end
$$;

comment on function tocsin_internal.evaluate_cron_missed(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of cron_missed: how many runs were due, longer ago than the grace, since the last one '
  'began; 1,000 at most.';

create function tocsin_internal.evaluate_cron_slow(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set enable_seqscan = off
as $$
begin
  return query
    select t.setting_id, 'pg_cron'::text, ''::text, (t.job).job_name, step.at, v.ms, 1::bigint,
      coalesce(v.ms > v.limit_ms, false), coalesce(v.ms <= v.limit_ms, true),
      jsonb_build_object('threshold', v.limit_ms, 'facts', jsonb_build_array(
        jsonb_build_object('label', 'Limit', 'value',
          coalesce(tocsin_internal.say_value(v.limit_ms, 'ms'), '–')),
        jsonb_build_object('label', 'Usually', 'value',
          coalesce(tocsin_internal.say_value(v.usual_ms, 'ms'), 'unknown'))))
    from tocsin_internal.cron_targets(p_settings) as t
    cross join generate_series(p_from, p_to, p_step) as step (at)
    left join lateral (
      -- the last minute with runs says how long they take, until the next
      select m.longest_ms, m.usual_ms from tocsin.cron_metrics m
      where m.job_id = (t.job).job_id and m.minute < step.at and m.run_count > 0
      order by m.minute desc limit 1
    ) as m on true
    cross join lateral (
      select case when (t.job).running_since < step.at then
        extract(epoch from step.at - (t.job).running_since)::double precision * 1000 end as ms
    ) as r
    cross join lateral (
      select u.usual_ms, coalesce((t.parameters ->> 'threshold')::double precision,
        greatest(u.usual_ms * (t.parameters ->> 'factor')::double precision,
          case when u.usual_ms is not null
            then (t.parameters ->> 'at_least')::double precision end)) as limit_ms
      from (select case when r.ms is null then m.usual_ms
        when cardinality((t.job).recent_ms) >= 5 then (
          select percentile_cont(0.5) within group (order by ms)
          from unnest((t.job).recent_ms) as ms) end as usual_ms) as u
    ) as u
    cross join lateral (
      -- a run that goes on counts once it is over the limit
      select u.usual_ms, u.limit_ms,
        case when r.ms > u.limit_ms then r.ms else coalesce(m.longest_ms, r.ms) end as ms
    ) as v
    where v.ms is not null;
end
$$;

comment on function tocsin_internal.evaluate_cron_slow(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of cron_slow: how long the last run took, or has been going on.';

revoke all on all functions in schema tocsin_internal from public;

-- A backtest runs as its caller, who sees the jobs if they are an operator.
grant execute on function
  tocsin_internal.is_cron_day(tocsin_internal.cron_plan, date),
  tocsin_internal.cron_timezone(),
  tocsin_internal.due_times(tocsin_internal.cron_plan, timestamptz, timestamptz, int, text),
  tocsin_internal.next_due(tocsin_internal.cron_plan, timestamptz, text),
  tocsin_internal.does_cron_log(),
  tocsin_internal.cron_targets(tocsin.alert_settings[]),
  tocsin_internal.evaluate_cron_failed(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_cron_missed(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_cron_slow(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[])
  to authenticated, service_role;
