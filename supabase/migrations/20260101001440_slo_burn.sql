-- Service level objectives: slo_burn, with several windows and burn rates.
--
-- A burn rate of 1 uses up the error budget (what the objective leaves) exactly in its time. An
-- alert fires when a long window burns too fast and a short one still does: the long one keeps out
-- noise, the short one ends the alert soon after the fault. The defaults are the table of the Site
-- Reliability Workbook for 30 days: 2 % of the budget in 1 hour, 5 % in 6 hours, 10 % in 3 days.
--
-- SECURITY DEFINER functions: none.

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, unit, fired_title,
  resolved_title, is_calm_without_data, parameters) values
  ('slo_burn', 'measure', 'Error budget burns',
   'Runs fail so often that an objective will be missed.', 'evaluate_slo_burn', 'times',
   '{{target}} burns its error budget {{value}} too fast (objective {{objective}} %)',
   '{{target}} keeps its objective of {{objective}} % again', false, $json$[
    {"name": "objective", "type": "number", "default": 99, "min": 50, "max": 99.999,
     "unit": "%", "description": "The share of runs that should succeed over 30 days."},
    {"name": "burn_rates", "type": "burn_rates", "default": [
       {"rate": 14.4, "short": "5 minutes", "long": "1 hour"},
       {"rate": 6, "short": "30 minutes", "long": "6 hours"},
       {"rate": 1, "short": "6 hours", "long": "3 days"}],
     "description": "Fires when both windows burn the budget so many times too fast."},
    {"name": "min_sample", "type": "integer", "default": 20, "min": 1, "max": 1000000,
     "description": "A pair whose long window has fewer runs is not judged."},
    {"name": "per", "type": "choice", "default": "workflow",
     "choices": ["workflow", "project", "all"],
     "description": "Whether each workflow is judged by itself, each project, or all together."}
   ]$json$);

create function tocsin_internal.with_window(p_setting tocsin.alert_settings, p_window text)
returns tocsin.alert_settings
language plpgsql stable set search_path = ''
as $$
declare
  v_setting tocsin.alert_settings := p_setting;
begin
  v_setting.parameters := v_setting.parameters || jsonb_build_object('window', p_window);
  return v_setting;
end
$$;

comment on function tocsin_internal.with_window(tocsin.alert_settings, text) is
  'A setting with another window.';

create function tocsin_internal.for_workflow(
  p_setting tocsin.alert_settings, p_project_id text, p_workflow_id text
) returns tocsin.alert_settings
language plpgsql stable set search_path = ''
as $$
declare
  v_setting tocsin.alert_settings := p_setting;
begin
  v_setting.project_id := p_project_id;
  v_setting.workflow_id := p_workflow_id;
  return v_setting;
end
$$;

comment on function tocsin_internal.for_workflow(tocsin.alert_settings, text, text) is
  'A setting as if it were for one workflow.';

create function tocsin_internal.evaluate_slo_burn(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[] default null
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = '' set work_mem = '64MB'
as $$
#variable_conflict use_column
begin
  return query
    with pair as materialized (
      select s as whole, s.setting_id, 1 - (s.parameters ->> 'objective')::double precision / 100
          as budget,
        (s.parameters ->> 'min_sample')::bigint as min_sample,
        s.workflow_id is not null or coalesce(s.parameters ->> 'per', 'workflow') = 'workflow'
          as is_by_workflow,
        (b ->> 'rate')::double precision as rate, b ->> 'short' as short, b ->> 'long' as long
      from unnest(p_settings) as s
      cross join jsonb_array_elements(s.parameters -> 'burn_rates') as b
    ),
    short as materialized (
      select s.span, r.*, r.failure_count::double precision
        / nullif(r.success_count + r.failure_count, 0) as share
      from (
        -- the same setting, once for each window that it looks at
        select short as span, array_agg(tocsin_internal.with_window(whole, short)) as settings
        from (select distinct whole, short from pair) as s group by short
      ) as s
      cross join lateral tocsin_internal.sum_runs_of(s.settings, p_from, p_to, p_step, p_now) as r
    ),
    -- live, the long windows are looked at only where the short one burns, or an alert is known
    burning as (
      select p.setting_id, p.long, s.project_id, s.workflow_id
      from pair p join short s on s.setting_id = p.setting_id and s.span = p.short
      where p_known is not null and s.share / p.budget >= p.rate
      union
      select p.setting_id, p.long, k.project_id, k.workflow_id
      from pair p join unnest(p_known) as k on k.setting_id = p.setting_id
    ),
    wanted as (
      select distinct p.whole, p.long, t.project_id, t.workflow_id
      from (select distinct whole, setting_id, is_by_workflow, long from pair) as p
      cross join lateral (
        select count(*) as count from burning b
        where b.setting_id = p.setting_id and b.long = p.long
      ) as n
      left join burning b on b.setting_id = p.setting_id and b.long = p.long
        and p.is_by_workflow and n.count <= 100
      cross join lateral (select b.project_id, b.workflow_id) as t
      where p_known is null or n.count > 0
    ),
    long as materialized (
      select s.span, r.*, r.failure_count::double precision
        / nullif(r.success_count + r.failure_count, 0) as share
      from (
        select long as span, array_agg(tocsin_internal.with_window(
          case when project_id is null then whole
            else tocsin_internal.for_workflow(whole, project_id, workflow_id) end, long))
          as settings
        from wanted group by long
      ) as s
      cross join lateral tocsin_internal.sum_runs_of(s.settings, p_from, p_to, p_step, p_now) as r
    ),
    judged as (
      select distinct on (p.setting_id, l.source_id, l.project_id, l.workflow_id, l.at)
        p.setting_id, l.source_id, l.project_id, l.workflow_id, l.at, l.share / p.budget as value,
        l.success_count + l.failure_count as sample, l.failure_count, p.rate, p.long, p.short,
        least(l.share, coalesce(s.share, 0)) / p.budget >= p.rate as is_breached
      from pair p
      join long l on l.setting_id = p.setting_id and l.span = p.long
      left join short s on s.setting_id = p.setting_id and s.span = p.short and s.at = l.at
        and s.source_id = l.source_id and s.project_id = l.project_id
        and s.workflow_id = l.workflow_id
      where l.success_count + l.failure_count >= p.min_sample
      order by p.setting_id, l.source_id, l.project_id, l.workflow_id, l.at,
        least(l.share, coalesce(s.share, 0)) / p.rate desc
    )
    select j.setting_id, j.source_id, j.project_id, j.workflow_id, j.at, j.value, j.sample,
      j.is_breached, not j.is_breached,
      case when j.is_breached then jsonb_build_object('threshold', j.rate,
        'facts', jsonb_build_array(
          jsonb_build_object('label', 'Failed', 'value', format('%s of %s runs within %s',
            j.failure_count, j.sample, j.long)),
          jsonb_build_object('label', 'Burn rate', 'value', format(
            '%s times, limit %s over %s and %s',
            round(j.value::numeric, 1), j.rate, j.long, j.short)))) end
    from judged j
    where j.is_breached or p_known is null
      or (j.setting_id, j.source_id, j.project_id, j.workflow_id) in (
        select k.setting_id, k.source_id, k.project_id, k.workflow_id from unnest(p_known) as k);
end
$$;

comment on function tocsin_internal.evaluate_slo_burn(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'Evaluator of slo_burn: how many times too fast the error budget burns, over the long window of '
  'the pair that is nearest to its limit or furthest over it.';

revoke all on all functions in schema tocsin_internal from public;
-- a backtest runs as its caller
grant execute on function tocsin_internal.with_window(tocsin.alert_settings, text),
  tocsin_internal.for_workflow(tocsin.alert_settings, text, text) to authenticated, service_role;
