-- The state machine of alerts, as a pure function: what an alert was, and what was found at the
-- next instant, make what it is. Live and backtests fold the same function over the same rows.
--
-- Pending and firing are Prometheus's: pending at the first breach, firing once it has been
-- breached without a gap for for_duration; resolved when it has been clear for keep_firing_for.
-- Between the threshold and resolve_threshold a firing alert goes on, and a pending one is calm
-- again. An alert that fires for the third time in an hour flaps: it is then resolved by half an
-- hour of calm.
--
-- SECURITY DEFINER functions: none.

create type tocsin_internal.alert_memory as (
  state tocsin.alert_state,
  is_flapping boolean,
  pending_since timestamptz,
  fired_at timestamptz,
  clear_since timestamptz,
  judged_at timestamptz,
  fires timestamptz[],
  transition tocsin.alert_transition,
  note text
);
comment on type tocsin_internal.alert_memory is
  'What the state machine knows of one setting and target. state: null when all is calm. fires: '
  'when it fired within the last hour. transition: what the last step made of it, if anything.';

create function tocsin_internal.judge(
  p_memory tocsin_internal.alert_memory, p_setting tocsin.alert_settings,
  p_is_calm_without_data boolean, p_found tocsin_internal.evaluation, p_at timestamptz
) returns tocsin_internal.alert_memory
language plpgsql immutable set search_path = ''
as $$
declare
  v tocsin_internal.alert_memory := p_memory;
  v_is_breached boolean := coalesce((p_found).is_breached, false);
  v_is_clear boolean := coalesce((p_found).is_clear, false);
begin
  v.transition := null;
  v.note := null;
  if (p_found).setting_id is null then
    v_is_clear := p_is_calm_without_data or p_setting.on_no_data = 'ok';
    v_is_breached := not v_is_clear and p_setting.on_no_data = 'alert';
    if not v_is_clear and not v_is_breached then
      -- keeps as it is, but not for ever: what never runs again would fire for good
      if v.state in ('firing', 'acknowledged') and p_at - v.judged_at >= interval '1 day' then
        v.state := 'resolved';
        v.transition := 'resolved';
        v.note := 'There was nothing to judge for a day.';
      end if;
      return v;
    end if;
  end if;
  v.judged_at := p_at;

  if v.state in ('firing', 'acknowledged') then
    if v_is_clear and not v_is_breached then
      v.clear_since := coalesce(v.clear_since, p_at);
      if p_at - v.clear_since >= greatest(p_setting.keep_firing_for,
        case when v.is_flapping then interval '30 minutes' else interval '0' end)
      then
        v.state := 'resolved';
        v.transition := 'resolved';
      end if;
    else
      v.clear_since := null;
    end if;
    return v;
  end if;

  if not v_is_breached then
    v.state := null;
    v.pending_since := null;
    return v;
  elsif v.state is distinct from 'pending' then
    v.state := 'pending';
    v.transition := 'pending';
    v.pending_since := p_at;
    v.fired_at := null;
    v.clear_since := null;
    v.is_flapping := false;
  end if;
  if p_at - v.pending_since >= p_setting.for_duration then
    v.state := 'firing';
    v.transition := 'fired';
    v.fired_at := p_at;
    v.fires := array(
      select f from unnest(v.fires) as f where f > p_at - interval '1 hour' order by f)
      || p_at;
    v.is_flapping := cardinality(v.fires) >= 3;
  end if;
  return v;
end
$$;

comment on function tocsin_internal.judge(tocsin_internal.alert_memory, tocsin.alert_settings,
  boolean, tocsin_internal.evaluation, timestamptz) is
  'One step of the state machine. p_found null: there was nothing to judge.';

-- What is replaced by a more specific setting, and what is expected -------------------------------

create function tocsin_internal.is_replaced(
  p_setting tocsin.alert_settings, p_project_id text, p_workflow_id text
) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from tocsin.alert_settings s
    where s.kind = p_setting.kind and s.replaces_general and s.is_enabled
      and s.setting_id <> p_setting.setting_id
      and s.project_id = p_project_id
      and (s.workflow_id = p_workflow_id and p_setting.workflow_id is null
        or s.workflow_id is null and p_setting.project_id is null)
  )
$$;

comment on function tocsin_internal.is_replaced(tocsin.alert_settings, text, text) is
  'Whether a more specific setting of the same kind speaks for this target instead.';

create function tocsin_internal.evaluate_kind(
  p_settings tocsin.alert_settings[], p_from timestamptz, p_to timestamptz, p_step interval,
  p_now timestamptz, p_known tocsin_internal.evaluation[]
) returns setof tocsin_internal.evaluation
language plpgsql stable set search_path = ''
as $$
declare
  v_evaluator text;
begin
  select evaluator into v_evaluator from tocsin.alert_kinds where kind = p_settings[1].kind;
  return query execute format('select * from tocsin_internal.%I($1, $2, $3, $4, $5, $6)',
    v_evaluator) using p_settings, p_from, p_to, p_step, p_now, p_known;
end
$$;

comment on function tocsin_internal.evaluate_kind(tocsin.alert_settings[], timestamptz,
  timestamptz, interval, timestamptz, tocsin_internal.evaluation[]) is
  'The evaluator of the settings'' kind, which is the same for all of them.';

create function tocsin_internal.expected_targets(p_settings tocsin.alert_settings[])
returns table (setting_id uuid, source_id text, project_id text, workflow_id text)
language sql stable set search_path = ''
as $$
  select distinct s.setting_id,
    case t.per when 'workflow' then coalesce(k.source_id, '') else '' end,
    case t.per when 'all' then '' else coalesce(k.project_id, s.project_id) end,
    case t.per when 'workflow' then coalesce(k.workflow_id, s.workflow_id) else '' end
  from unnest(p_settings) as s
  join tocsin.alert_kinds a on a.kind = s.kind and not a.is_calm_without_data
  cross join lateral (
    select case when s.workflow_id is null then coalesce(s.parameters ->> 'per', 'workflow')
      else 'workflow' end as per
  ) as t
  left join tocsin_internal.known_workflows(array[row(s.project_id, s.workflow_id)
    ::tocsin_internal.target]) as k on true
  where s.on_no_data = 'alert' and a.evaluator not like 'evaluate\_queue\_%'
    and (k.source_id is not null or s.workflow_id is not null
    or t.per = 'all' or t.per = 'project' and s.project_id is not null)
  union all
  select q.setting_id, q.kind::text, q.project_id, q.queue_name
  from tocsin_internal.queues_of(array(select s from unnest(p_settings) as s
    join tocsin.alert_kinds a on a.kind = s.kind
    where s.on_no_data = 'alert' and a.evaluator like 'evaluate\_queue\_%')) as q
$$;

comment on function tocsin_internal.expected_targets(tocsin.alert_settings[]) is
  'The targets of settings that alert when there is nothing to judge.';

-- In words ----------------------------------------------------------------------------------------

create function tocsin_internal.say_value(p_value double precision, p_unit text) returns text
language sql immutable set search_path = ''
as $$
  select case
    when p_value is null then 'unknown'
    when p_unit = 'ms' and p_value >= 60000 then
      trim(to_char(p_value / 60000, 'FM999999990.0')) || ' min'
    when p_unit = 'ms' and p_value >= 1000 then trim(to_char(p_value / 1000, 'FM990.0')) || ' s'
    when p_unit = 's' and p_value >= 120 then tocsin_internal.say_seconds(p_value)
    when p_unit in ('failures', 'runs') and p_value = 1 then '1 ' || rtrim(p_unit, 's')
    else regexp_replace(to_char(p_value, case when abs(p_value) < 10 then 'FM999999990.99'
        else 'FM999999999990.9' end), '\.$', '') || coalesce(' ' || p_unit, '') end
$$;

comment on function tocsin_internal.say_value(double precision, text) is
  'A value with its unit: 34.2 %, 1.5 s, 12 failures.';

create function tocsin_internal.fill_title(
  p_title text, p_setting tocsin.alert_settings, p_target text, p_value double precision,
  p_unit text, p_sample bigint
) returns text
language plpgsql immutable set search_path = ''
as $$
declare
  v_title text := p_title;
  v_parameter record;
begin
  for v_parameter in select key, value from jsonb_each_text(p_setting.parameters) loop
    v_title := replace(v_title, '{{' || v_parameter.key || '}}', coalesce(v_parameter.value, ''));
  end loop;
  v_title := replace(v_title, '{{value}}', tocsin_internal.say_value(p_value, p_unit));
  v_title := replace(v_title, '{{sample}}', coalesce(p_sample::text, '0'));
  -- last: it is the user's own text
  v_title := replace(v_title, '{{target}}', p_target);
  return case when p_title like '{{target}}%'
      and p_target !~ '^(all workflows$|project |what has no project$)' then v_title
    else upper(left(v_title, 1)) || substr(v_title, 2) end;
end
$$;

comment on function tocsin_internal.fill_title(text, tocsin.alert_settings, text,
  double precision, text, bigint) is 'A title of a kind with its placeholders filled in.';

create function tocsin_internal.name_of_workflow(p_source_id text, p_workflow_id text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  m constant jsonb := (select mapping -> 'workflow_names' from tocsin.run_sources
    where source_id = p_source_id);
  v_name text;
begin
  if m is not null then
    execute format('select left(w.%I::text, 200) from %s w where w.%I::text = $1 limit 1',
      m ->> 'name', (m ->> 'table')::regclass, m ->> 'id') into v_name using p_workflow_id;
  end if;
  return coalesce(nullif(v_name, ''), p_workflow_id);
exception when others then
  -- the host's table may have changed: the id does as well
  return p_workflow_id;
end
$$;

comment on function tocsin_internal.name_of_workflow(text, text) is
  'What people call a workflow, from the table that its source names; else its id.';

create function tocsin_internal.name_of_target(
  p_source_id text, p_project_id text, p_workflow_id text, p_setting tocsin.alert_settings
) returns text
language sql stable set search_path = ''
as $$
  select case
    when p_workflow_id <> '' then tocsin_internal.name_of_workflow(p_source_id, p_workflow_id)
    when p_setting.parameters ->> 'per' = 'all' then 'all workflows'
    when p_project_id <> '' then 'project ' || p_project_id
    else 'what has no project' end
$$;

comment on function tocsin_internal.name_of_target(text, text, text, tocsin.alert_settings) is
  'A target as titles name it.';

create function tocsin_internal.say_transition(
  p_kind tocsin.alert_kinds, p_setting tocsin.alert_settings, p_transition tocsin.alert_transition,
  p_source_id text, p_project_id text, p_workflow_id text, p_found tocsin_internal.evaluation
) returns text
language sql stable set search_path = ''
as $$
  select case
    when p_transition not in ('fired', 'resolved') then null
    when (p_found).setting_id is null and p_transition = 'fired'
      then 'Nothing to judge: ' || n.name || ' has no figures'
    when (p_found).setting_id is null and p_kind.resolved_title like '%{{value}}%'
      then 'Nothing to judge any more: ' || n.name || ' has no figures'
    else tocsin_internal.fill_title(
      case p_transition when 'fired' then p_kind.fired_title else p_kind.resolved_title end,
      p_setting, n.name, (p_found).value, p_kind.unit, (p_found).sample) end
  from (
    select case when p_transition in ('fired', 'resolved') then
      tocsin_internal.name_of_target(p_source_id, p_project_id, p_workflow_id, p_setting) end
  ) as n (name)
$$;

comment on function tocsin_internal.say_transition(tocsin.alert_kinds, tocsin.alert_settings,
  tocsin.alert_transition, text, text, text, tocsin_internal.evaluation) is
  'A transition in one sentence; null for those that nobody is told of.';

revoke all on all functions in schema tocsin_internal from public;
