-- Judging live: the stage of the heart that evaluates the measures.
--
-- Only complete minutes are judged, five seconds after their end, and only once what ended in them
-- is rolled up (for two minutes at most). A setting that was not judged for a while, because the
-- heart stood still, is judged for each instant that it missed, in order: an outage neither loses
-- nor repeats anything.
--
-- SECURITY DEFINER functions: none. All of this is called by the heart, as the owner.

create table tocsin_internal.evaluated_settings (
  setting_id uuid primary key references tocsin.alert_settings (setting_id) on delete cascade,
  evaluated_until timestamptz not null
);

comment on table tocsin_internal.evaluated_settings is
  'Up to which instant each measure is judged. Written by evaluate().';
comment on column tocsin_internal.evaluated_settings.setting_id is 'The setting.';
comment on column tocsin_internal.evaluated_settings.evaluated_until is
  'The last instant that was judged.';

create type tocsin_internal.judgement as (
  setting tocsin.alert_settings,
  alert_id uuid,
  is_new boolean,
  source_id text,
  project_id text,
  workflow_id text,
  found tocsin_internal.evaluation,
  memory tocsin_internal.alert_memory,
  title text
);
comment on type tocsin_internal.judgement is 'What one instant made of one setting and target.';

create function tocsin_internal.recall(p_alert tocsin.alerts, p_fires timestamptz[])
returns tocsin_internal.alert_memory
language sql immutable set search_path = ''
as $$
  select row(p_alert.state, p_alert.is_flapping, p_alert.pending_since, p_alert.fired_at,
    p_alert.clear_since, p_alert.judged_at, p_fires, null, null)::tocsin_internal.alert_memory
$$;

comment on function tocsin_internal.recall(tocsin.alerts, timestamptz[]) is
  'The memory of the state machine, from the alert that is active, if any.';

create function tocsin_internal.judge_settings(
  p_settings tocsin.alert_settings[], p_at timestamptz, p_now timestamptz
) returns tocsin_internal.judgement[]
language plpgsql stable set search_path = ''
as $$
begin
  return (
    with active as materialized (
      select a from tocsin.alerts a
      where a.state <> 'resolved'
        and a.setting_id in (select s.setting_id from unnest(p_settings) as s)
    ),
    expected as materialized (
      select * from tocsin_internal.expected_targets(p_settings)
    ),
    found as materialized (
      select f from tocsin_internal.evaluate_kind(p_settings, p_at, p_at, '1 minute', p_now,
        array(
          select row((a).setting_id, (a).source_id, (a).project_id, (a).workflow_id, null, null,
            null, null, null, null)::tocsin_internal.evaluation from active
          union all
          select row(e.setting_id, e.source_id, e.project_id, e.workflow_id, null, null, null, null,
            null, null)::tocsin_internal.evaluation from expected e
        )) as f
    ),
    target as (
      select (f).setting_id, (f).source_id, (f).project_id, (f).workflow_id from found
      where (f).is_breached
      union select (a).setting_id, (a).source_id, (a).project_id, (a).workflow_id from active
      union select * from expected
    )
    select array_agg(row(s.s, coalesce((a.a).alert_id, gen_random_uuid()), (a.a).alert_id is null,
      t.source_id, t.project_id, t.workflow_id, f.f, m.memory, null)::tocsin_internal.judgement)
    from target t
    join (select s from unnest(p_settings) as s) as s on (s.s).setting_id = t.setting_id
    join tocsin.alert_kinds k on k.kind = (s.s).kind
    left join active a on (a.a).setting_id = t.setting_id and (a.a).source_id = t.source_id
      and (a.a).project_id = t.project_id and (a.a).workflow_id = t.workflow_id
    left join found f on (f.f).setting_id = t.setting_id and (f.f).source_id = t.source_id
      and (f.f).project_id = t.project_id and (f.f).workflow_id = t.workflow_id
    cross join lateral tocsin_internal.judge(
      tocsin_internal.recall(a.a, array(
        select r.fired_at from tocsin.alerts r
        where r.setting_id = t.setting_id and r.source_id = t.source_id
          and r.project_id = t.project_id and r.workflow_id = t.workflow_id
          and r.fired_at > p_at - interval '1 hour' order by r.fired_at)),
      s.s, k.is_calm_without_data, f.f, p_at) as memory
    cross join lateral (select memory) as m
    where not tocsin_internal.is_replaced(s.s, t.project_id, t.workflow_id)
      and ((a.a).alert_id is not null or (memory).state is not null)
  );
end
$$;

comment on function tocsin_internal.judge_settings(tocsin.alert_settings[], timestamptz,
  timestamptz) is
  'Judges settings of one kind at an instant: every target that is over its limit, has an alert, '
  'or is expected to have figures. Writes nothing.';

create function tocsin_internal.keep_judgements(
  p_judgements tocsin_internal.judgement[], p_at timestamptz, p_now timestamptz
) returns void
language plpgsql set search_path = ''
as $$
declare
  v_kind tocsin.alert_kinds;
  v_judgements tocsin_internal.judgement[];
  v_occurrences tocsin_internal.occurrence[];
begin
  if p_judgements is null then
    return;
  end if;
  select * into v_kind from tocsin.alert_kinds where kind = (p_judgements[1].setting).kind;

  -- what people will read is made once, when it fires and when it is over
  select array_agg(row(j.setting, j.alert_id, j.is_new, j.source_id, j.project_id, j.workflow_id,
    j.found, j.memory, tocsin_internal.say_transition(v_kind, j.setting, (j.memory).transition,
      j.source_id, j.project_id, j.workflow_id, j.found))::tocsin_internal.judgement)
  into v_judgements
  from unnest(p_judgements) as j;

  delete from tocsin.alerts a using unnest(v_judgements) as j
  where a.alert_id = j.alert_id and (j.memory).state is null;

  update tocsin.alerts a
  set state = (j.memory).state, is_flapping = (j.memory).is_flapping,
    fired_at = (j.memory).fired_at, clear_since = (j.memory).clear_since,
    resolved_at = case (j.memory).state when 'resolved' then p_at end,
    judged_at = (j.memory).judged_at,
    value = coalesce((j.found).value, a.value), sample = coalesce((j.found).sample, a.sample),
    context = case when (j.found).is_breached then coalesce((j.found).context, '{}')
      else a.context end,
    title = case (j.memory).transition when 'fired' then j.title else a.title end
  from unnest(v_judgements) as j
  where a.alert_id = j.alert_id and not j.is_new and (j.memory).state is not null;

  insert into tocsin.alerts (alert_id, setting_id, setting_name, kind, source_id, project_id,
    workflow_id, severity, state, is_flapping, pending_since, fired_at, judged_at, value,
    threshold, unit, sample, title, context)
  select j.alert_id, (j.setting).setting_id, (j.setting).name, (j.setting).kind, j.source_id,
    j.project_id, j.workflow_id, (j.setting).severity, (j.memory).state,
    coalesce((j.memory).is_flapping, false), (j.memory).pending_since, (j.memory).fired_at, p_at,
    (j.found).value,
    coalesce((j.found).context ->> 'threshold', (j.setting).parameters ->> 'threshold')
      ::double precision,
    v_kind.unit, (j.found).sample, j.title, coalesce((j.found).context, '{}')
  from unnest(v_judgements) as j
  where j.is_new and (j.memory).state is not null;

  with told as (
    insert into tocsin.alert_transitions (alert_id, transition, at, value, sample, note, made_at)
    select j.alert_id, t.transition, p_at, (j.found).value, (j.found).sample, (j.memory).note,
      p_now
    from unnest(v_judgements) as j
    cross join lateral (
      select (j.memory).transition where (j.memory).transition is not null
      union all
      select 'flapping' where (j.memory).transition = 'fired' and (j.memory).is_flapping
    ) as t (transition)
    returning transition_id, alert_id, transition
  )
  select array_agg(row(t.transition_id, t.transition::text, (j.setting).setting_id, j.alert_id,
    j.source_id, j.project_id, j.workflow_id, null, (j.setting).severity, p_at,
    j.title || case when t.transition = 'fired' and (j.memory).is_flapping
      then ' (it comes and goes)' else '' end,
    case t.transition when 'fired' then coalesce((j.found).context -> 'facts', '[]')
      else '[]' end)::tocsin_internal.occurrence)
  into v_occurrences
  from told t join unnest(v_judgements) as j on j.alert_id = t.alert_id
  where t.transition in ('fired', 'resolved');

  perform tocsin_internal.admit_occurrences(v_occurrences, p_now);
end
$$;

comment on function tocsin_internal.keep_judgements(tocsin_internal.judgement[], timestamptz,
  timestamptz) is
  'Writes down what judge_settings() made of settings of one kind, and has admission decide what '
  'people should hear of.';

create function tocsin_internal.end_orphaned_alerts(p_now timestamptz) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_count bigint;
begin
  with orphan as (
    select a.alert_id, a.state, case
      when s.setting_id is null then 'Its setting was deleted.'
      when not s.is_enabled then 'Its setting was turned off.'
      when s.kind <> a.kind then 'Its setting is of another kind now.'
      when s.kind = 'run_failed' and not (s.parameters ->> 'resolve_on_success')::boolean
        then 'Its setting no longer asks whether the workflow succeeds again.'
      when tocsin_internal.is_replaced(s, a.project_id, a.workflow_id) then
        'A more specific setting speaks for it now.'
      else 'Its setting is about something else now.' end as note
    from tocsin.alerts a
    left join tocsin.alert_settings s on s.setting_id = a.setting_id
    where a.state <> 'resolved' and (
      s.setting_id is null or not s.is_enabled or s.kind <> a.kind
      or s.workflow_id <> a.workflow_id
      or s.kind = 'run_failed' and not (s.parameters ->> 'resolve_on_success')::boolean
      or s.kind <> 'run_failed' and s.workflow_id is null
        and coalesce(s.parameters ->> 'per', 'workflow') <> case
        when a.workflow_id <> '' then 'workflow' when a.project_id <> '' then 'project'
        else coalesce(nullif(s.parameters ->> 'per', 'workflow'), 'workflow') end
      or tocsin_internal.is_replaced(s, a.project_id, a.workflow_id))
  ),
  dropped as (
    delete from tocsin.alerts a using orphan o
    where a.alert_id = o.alert_id and o.state = 'pending' returning 1
  ),
  ended as (
    update tocsin.alerts a set state = 'resolved', resolved_at = p_now from orphan o
    where a.alert_id = o.alert_id and o.state <> 'pending' returning a.*, o.note
  ),
  noted as (
    insert into tocsin.alert_transitions (alert_id, transition, at, note, made_at)
    select alert_id, 'resolved', p_now, note, p_now from ended
    returning transition_id, alert_id
  ),
  decided as (
    insert into tocsin.alert_logs (event_id, what, setting_id, setting_name, alert_id, decision,
      reason, source_id, project_id, workflow_id, severity, event_at, decided_at)
    select n.transition_id, 'resolved', e.setting_id, e.setting_name, e.alert_id, 'dropped',
      'Dropped: the alert ended without being judged. ' || e.note, e.source_id, e.project_id,
      e.workflow_id, e.severity, p_now, p_now
    from noted n join ended e on e.alert_id = n.alert_id
  )
  select (select count(*) from dropped) + (select count(*) from ended) into v_count;
  return v_count;
end
$$;

comment on function tocsin_internal.end_orphaned_alerts(timestamptz) is
  'Ends alerts whose setting is gone, off, or about something else. Nobody is told. Returns how '
  'many.';

create function tocsin_internal.evaluate(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_began constant timestamptz := clock_timestamp();
  v_origin constant timestamptz := '2000-01-01 00:00:00+00';
  v_until timestamptz := date_trunc('minute', p_now - interval '5 seconds');
  v_pending timestamptz;
  v_at timestamptz;
  v_settings tocsin.alert_settings[];
  v_context text;
  v_count bigint := 0;
begin
  perform tocsin_internal.take_turn_to_admit(); -- before any alert is touched
  perform tocsin_internal.end_orphaned_alerts(p_now);

  -- what ended before is to be rolled up, but a roll-up that is behind must not silence alerts
  select o.captured_at into v_pending from tocsin_internal.run_outcomes o
  where o.outcome_id >= coalesce((select floor from tocsin_internal.outcome_floor), 0)
  order by o.outcome_id limit 1;
  if v_pending < v_until then
    v_until := greatest(date_trunc('minute', v_pending), v_until - interval '2 minutes');
  end if;

  -- a new setting begins with the instant that is due; one that slept for long, a day ago at most
  insert into tocsin_internal.evaluated_settings as e (setting_id, evaluated_until)
  select s.setting_id, date_bin(s.evaluation_interval, v_until, v_origin) - s.evaluation_interval
  from tocsin.alert_settings s join tocsin.alert_kinds k on k.kind = s.kind
  where k.family = 'measure' and s.is_enabled
  on conflict (setting_id) do update set evaluated_until = v_until - interval '1 day'
    where e.evaluated_until < v_until - interval '1 day';
  delete from tocsin_internal.evaluated_settings e using tocsin.alert_settings s
  where s.setting_id = e.setting_id and not s.is_enabled;

  perform tocsin_internal.end_failures(v_until, p_now);

  loop
    select min(next_at) into v_at from (
      select date_bin(s.evaluation_interval, e.evaluated_until, v_origin) + s.evaluation_interval
        as next_at
      from tocsin_internal.evaluated_settings e
      join tocsin.alert_settings s on s.setting_id = e.setting_id
    ) as due;
    exit when v_at is null or v_at > v_until or clock_timestamp() - v_began > interval '2 seconds';

    for v_settings in
      select array_agg(s)
      from tocsin_internal.evaluated_settings e
      join tocsin.alert_settings s on s.setting_id = e.setting_id
      where date_bin(s.evaluation_interval, e.evaluated_until, v_origin) + s.evaluation_interval
        = v_at
      group by s.kind order by s.kind
    loop
      begin
        perform tocsin_internal.keep_judgements(
          tocsin_internal.judge_settings(v_settings, v_at, p_now), v_at, p_now);
      exception when others then
        -- one kind that fails must not stop the others; the instant is lost, and doctor() says so
        get stacked diagnostics v_context = pg_exception_context;
        perform tocsin_internal.record_fault('evaluate', sqlstate, sqlerrm, v_context, p_now);
      end;
      update tocsin_internal.evaluated_settings e set evaluated_until = v_at
      from unnest(v_settings) as s where e.setting_id = s.setting_id;
      v_count := v_count + cardinality(v_settings);
    end loop;
  end loop;
  return v_count;
end
$$;

comment on function tocsin_internal.evaluate(timestamptz) is
  'Judges every measure for each instant that is due, in order, for 2 seconds at most. A stage of '
  'the heart. Returns how many settings it judged, each time counted.';

alter table tocsin_internal.evaluated_settings enable row level security;
create policy nobody_reads_it_through_the_api on tocsin_internal.evaluated_settings using (false);
revoke all on tocsin_internal.evaluated_settings from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
