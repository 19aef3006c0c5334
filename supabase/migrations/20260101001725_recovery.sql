-- Recovery: the alerts of failed runs, which are over when their workflow succeeds again.
--
-- A setting of the kind run_failed that asks for it (resolve_on_success) makes an alert of the
-- first failure of a workflow; further ones go on with it. It is resolved at the end of the first
-- minute, later than that of the last failure, in which a run succeeded, or keep_firing_for after
-- that: one success beside the failures of a busy workflow says nothing.
--
-- What is told of a failure is decided as ever, once; its decision names the alert. Only the end of
-- the alert is an occurrence of its own.
--
-- SECURITY DEFINER functions: none. All of this is called by the heart, as the owner.

create function tocsin_internal.begin_failures(
  p_occurrences tocsin_internal.occurrence[], p_now timestamptz
) returns tocsin_internal.occurrence[]
language plpgsql set search_path = ''
as $$
declare
  v_settings constant uuid[] := array(
    select s.setting_id from tocsin.alert_settings s
    where s.setting_id in (select o.setting_id from unnest(p_occurrences) as o)
      and s.kind = 'run_failed' and (s.parameters ->> 'resolve_on_success')::boolean);
  v_occurrences tocsin_internal.occurrence[];
begin
  if v_settings = '{}' then
    return p_occurrences;
  end if;
  perform tocsin_internal.take_turn_to_admit();
  with failing as materialized (
    select o.setting_id, o.source_id, o.project_id, o.workflow_id, count(*) as count,
      max(o.at) as last_at, max(o.severity) as severity,
      (array_agg(o.event_id order by o.at, o.event_id))[1] as first_id
    from unnest(p_occurrences) as o where o.setting_id = any (v_settings) group by 1, 2, 3, 4
  ),
  kept as (
    insert into tocsin.alerts as a (setting_id, setting_name, kind, source_id, project_id,
      workflow_id, severity, state, is_flapping, pending_since, fired_at, value, unit, title,
      context, judged_at)
    select f.setting_id, s.name, s.kind, f.source_id, f.project_id, f.workflow_id, f.severity,
      'firing', 2 <= (
        select count(*) from tocsin.alerts r
        where r.setting_id = f.setting_id and r.source_id = f.source_id
          and r.project_id = f.project_id and r.workflow_id = f.workflow_id
          and r.fired_at > p_now - interval '1 hour'),
      p_now, p_now, f.count, 'failures', tocsin_internal.say_event(s.kind, e),
      jsonb_strip_nulls(jsonb_build_object('workflow_name', e.workflow_name)), f.last_at
    from failing f
    join tocsin.alert_settings s on s.setting_id = f.setting_id
    -- an event is decided as it is stored: the time says which partition
    left join tocsin.error_metrics e on e.error_id = f.first_id
      and e.project_id = f.project_id and e.ingested_at = p_now
    on conflict (setting_id, source_id, project_id, workflow_id) where state <> 'resolved'
    do update set value = a.value + excluded.value, clear_since = null,
      severity = greatest(a.severity, excluded.severity),
      judged_at = greatest(a.judged_at, excluded.judged_at)
    returning a.*, a.xmax = 0 as is_new
  ),
  begun as (
    insert into tocsin.alert_transitions (alert_id, transition, at, value, made_at)
    select k.alert_id, t.transition, k.fired_at, k.value, p_now
    from kept k
    cross join lateral (
      select 'fired'::tocsin.alert_transition
      union all
      select 'flapping' where k.is_flapping
    ) as t (transition)
    where k.is_new
  )
  select array_agg(row(o.event_id, o.what, o.setting_id, k.alert_id, o.source_id, o.project_id,
    o.workflow_id, o.run_id, o.severity, o.at, o.title, o.facts)::tocsin_internal.occurrence)
  into v_occurrences
  from unnest(p_occurrences) as o
  left join kept k on k.setting_id = o.setting_id and k.source_id = o.source_id
    and k.project_id = o.project_id and k.workflow_id = o.workflow_id;
  return v_occurrences;
end
$$;

comment on function tocsin_internal.begin_failures(tocsin_internal.occurrence[], timestamptz) is
  'The failures, those that a setting with resolve_on_success wants with the alert that they begin '
  'or go on with.';

create function tocsin_internal.calm_needed(
  p_setting tocsin.alert_settings, p_is_flapping boolean
) returns interval
language sql immutable set search_path = ''
as $$
  select greatest(p_setting.keep_firing_for,
    case when p_is_flapping then interval '30 minutes' else interval '0' end)
$$;

comment on function tocsin_internal.calm_needed(tocsin.alert_settings, boolean) is
  'How long an alert must be calm until it is resolved.';

create function tocsin_internal.end_failures(p_until timestamptz, p_now timestamptz)
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_occurrences tocsin_internal.occurrence[];
begin
  with calm as materialized (
    select a.alert_id, greatest(c.since, a.fired_at) as since,
      -- a failure that was stored late may be over by then
      greatest(c.since, a.fired_at) + tocsin_internal.calm_needed(s, a.is_flapping) as resolved_at
    from tocsin.alerts a
    join tocsin.alert_settings s on s.setting_id = a.setting_id
    cross join lateral (
      select min(b.bucket_at) + interval '1 minute' as since from tocsin_internal.run_buckets b
      where b.bucket_minutes = 1 and b.project_id = a.project_id
        and b.workflow_id = a.workflow_id and b.source_id = a.source_id
        and b.bucket_at > date_trunc('minute', a.judged_at) and b.bucket_at < p_until
        and b.success_count > 0
    ) as c
    where a.kind = 'run_failed' and a.state in ('firing', 'acknowledged') and c.since is not null
  ),
  ended as (
    update tocsin.alerts a
    set clear_since = c.since,
      state = case when c.resolved_at <= p_until then 'resolved' else a.state end,
      resolved_at = case when c.resolved_at <= p_until then c.resolved_at end
    from calm c where a.alert_id = c.alert_id
    returning a.*
  ),
  told as (
    insert into tocsin.alert_transitions (alert_id, transition, at, value, made_at)
    select e.alert_id, 'resolved', e.resolved_at, e.value, p_now from ended e
    where e.state = 'resolved'
    returning transition_id, alert_id
  )
  select array_agg(row(t.transition_id, 'resolved', e.setting_id, e.alert_id, e.source_id,
    e.project_id, e.workflow_id, null, e.severity, e.resolved_at,
    tocsin_internal.say_recovery(e.context ->> 'workflow_name', e.workflow_id),
    tocsin_internal.facts_of_recovery(e.value, e.fired_at))::tocsin_internal.occurrence)
  into v_occurrences
  from told t join ended e on e.alert_id = t.alert_id;
  perform tocsin_internal.admit_occurrences(v_occurrences, p_now);
  return coalesce(cardinality(v_occurrences), 0);
end
$$;

comment on function tocsin_internal.end_failures(timestamptz, timestamptz) is
  'Resolves the alerts of failed runs whose workflow succeeded in a minute that ended by p_until, '
  'and has it told. Returns how many.';

create function tocsin_internal.say_recovery(p_workflow_name text, p_workflow_id text) returns text
language sql immutable set search_path = ''
as $$ select coalesce(p_workflow_name, nullif(p_workflow_id, ''), 'A run') || ' succeeds again' $$;

comment on function tocsin_internal.say_recovery(text, text) is
  'What is told when a workflow succeeds again.';

create function tocsin_internal.facts_of_recovery(p_count double precision, p_since timestamptz)
returns jsonb
language sql stable set search_path = ''
as $$
  select jsonb_build_array(jsonb_build_object('label', 'Failures', 'value', p_count::text),
    jsonb_build_object('label', 'First', 'value', tocsin_internal.say_time(p_since)))
$$;

comment on function tocsin_internal.facts_of_recovery(double precision, timestamptz) is
  'The facts that are told when a workflow succeeds again.';

revoke all on all functions in schema tocsin_internal from public;
