-- The dashboard's reads of settings: everything that the form of a setting needs, and the figures
-- that its backtest is drawn over. As the caller, under the caller's RLS.
--
-- Errors: TC017, TC040, TC041 and TC042, as a backtest raises them (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin.dashboard_settings(
  p_project_id text default null, p_now timestamptz default clock_timestamp()
) returns json
language sql stable set search_path = ''
as $$
  with fired as (
    select a.setting_id, count(*) filter (where a.fired_at >= p_now - interval '7 days') as alerts,
      count(*) filter (where a.state in ('firing', 'acknowledged')) as firing,
      max(a.fired_at) as last_at
    from tocsin.alerts a where a.fired_at is not null group by 1
  ),
  told as (
    select n.setting_id, count(*) as notifications, max(n.decided_at) as last_at
    from tocsin.notifications n where n.decided_at >= p_now - interval '7 days' group by 1
  ),
  workflow as (
    select distinct b.project_id, b.workflow_id
    from tocsin_internal.run_buckets b
    where b.bucket_minutes = 0 and b.workflow_id <> ''
      and (p_project_id is null or b.project_id = p_project_id)
    limit 2000
  )
  select json_build_object(
    'kinds', (
      select json_agg(json_build_object('kind', k.kind, 'family', k.family, 'title', k.title,
        'description', k.description, 'parameters', k.parameters, 'unit', k.unit)
        order by k.family, k.title)
      from tocsin.alert_kinds k),
    'settings', (
      select coalesce(json_agg(tocsin_internal.show_setting(s) || jsonb_build_object(
        'firing_count', coalesce(f.firing, 0), 'alert_count_7d', coalesce(f.alerts, 0),
        'notification_count_7d', coalesce(t.notifications, 0),
        'last_at', greatest(f.last_at, t.last_at)) order by s.kind, s.name), '[]')
      from tocsin.alert_settings s
      left join fired f on f.setting_id = s.setting_id
      left join told t on t.setting_id = s.setting_id
      where p_project_id is null or s.project_id is null or s.project_id = p_project_id),
    'workflows', (
      select coalesce(json_agg(json_build_object('project_id', w.project_id,
        'workflow_id', w.workflow_id, 'name', n.name) order by n.name, w.workflow_id), '[]')
      from workflow w
      left join tocsin.names n on n.project_id = w.project_id and n.workflow_id = w.workflow_id))
$$;

comment on function tocsin.dashboard_settings(text, timestamptz) is
  'What the dashboard''s pages of settings need: {kinds, settings, workflows}. Settings are those '
  'of a project and those for everything, or all that the caller may see; each with its channels, '
  'how many of its alerts fire, and what it told within 7 days. Workflows are up to 2,000 that '
  'run.';

create function tocsin.backtest_values(
  p_setting jsonb, p_from timestamptz default null, p_to timestamptz default null,
  p_points int default 240, p_target jsonb default null,
  p_now timestamptz default clock_timestamp()
) returns jsonb
language plpgsql stable set search_path = '' set work_mem = '64MB' set jit = off
as $$
declare
  v_origin constant timestamptz := '2000-01-01 00:00:00+00';
  v_setting constant tocsin.alert_settings := tocsin_internal.imagine_setting(p_setting);
  v_kind constant tocsin.alert_kinds := (
    select k from tocsin.alert_kinds k where k.kind = v_setting.kind);
  v_to constant timestamptz := least(coalesce(p_to, p_now), date_trunc('minute', p_now));
  v_from constant timestamptz := coalesce(p_from, v_to - interval '30 days');
  v_step interval;
  v_bucket interval;
  v_answer jsonb;
begin
  perform tocsin_internal.refuse_bad_range(v_from, v_to, interval '1 day', 'UTC');
  if v_kind.family = 'event' then
    raise exception 'A setting of the kind "%" hears of failures one by one', v_setting.kind
      using errcode = 'TC041', hint = 'Only kinds that measure have values: those whose family is '
        'measure in tocsin.alert_kinds.';
  end if;
  v_step := tocsin_internal.replay_step(v_setting, v_from, p_now);
  -- as many points as are wanted, each of whole steps
  v_bucket := v_step * greatest(1, ceil(extract(epoch from v_to - v_from)
    / extract(epoch from v_step) / greatest(least(coalesce(p_points, 240), 1000), 10)))::int;
  with found as materialized (
    select f.at, f.value, f.sample, f.is_breached
    from tocsin_internal.evaluate_kind(array[v_setting],
      date_bin(v_step, v_from, v_origin) + v_step, date_bin(v_step, v_to, v_origin), v_step,
      p_now, null) as f
    where f.value is not null and not tocsin_internal.is_replaced(v_setting, f.project_id,
        f.workflow_id)
      and (p_target is null or jsonb_build_object('source_id', f.source_id,
        'project_id', f.project_id, 'workflow_id', f.workflow_id) @> p_target)
  ),
  drawn as (
    -- of several targets and instants, the one that is nearest to the limit, or farthest over it
    select date_bin(v_bucket, f.at - interval '1 microsecond', v_origin) as at,
      case when v_setting.kind = 'success_rate' then min(f.value) else max(f.value) end as value,
      count(*) filter (where f.is_breached) as breached
    from found f group by 1
  ),
  usual as (
    select count(*) as judged, sum(f.value * f.sample) / nullif(sum(f.sample), 0) as mean,
      percentile_cont(array[0.01, 0.05, 0.5, 0.95, 0.99]) within group (order by f.value) as at
    from found f
  )
  select jsonb_build_object('from', v_from, 'to', v_to,
    'bucket_seconds', extract(epoch from v_bucket)::int,
    'resolution_seconds', extract(epoch from v_step)::int, 'unit', v_kind.unit,
    'values', (
      select coalesce(jsonb_agg(jsonb_build_object('at', d.at, 'value', d.value,
        'is_breached', d.breached > 0) order by d.at), '[]') from drawn d),
    'usual', jsonb_build_object('judged', u.judged, 'mean', u.mean, 'p1', u.at[1], 'p5', u.at[2],
      'p50', u.at[3], 'p95', u.at[4], 'p99', u.at[5]))
  into v_answer from usual u;
  return v_answer;
end
$$;

comment on function tocsin.backtest_values(jsonb, timestamptz, timestamptz, int, jsonb,
  timestamptz) is
  'What a setting, given as an object of columns of tocsin.alert_settings, would have found from '
  'p_from (30 days ago) to p_to (now), before any threshold: values, one for each of about '
  'p_points times, the worst of its targets; and usual: its mean and percentiles. p_target: only '
  'this one, {source_id, project_id, workflow_id}. Sees what its caller may see. Raises TC017, '
  'TC040 and TC041.';

revoke all on function tocsin.dashboard_settings(text, timestamptz),
  tocsin.backtest_values(jsonb, timestamptz, timestamptz, int, jsonb, timestamptz)
  from public, anon;
grant execute on function tocsin.dashboard_settings(text, timestamptz),
  tocsin.backtest_values(jsonb, timestamptz, timestamptz, int, jsonb, timestamptz)
  to authenticated, service_role;
