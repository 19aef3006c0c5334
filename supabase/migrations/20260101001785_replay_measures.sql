-- Replaying measures: what a measure would have found over the past.
--
-- The evaluators and the state machine are those that work live; only the clock differs. Everything
-- runs as its caller, so that nobody replays what they may not see. Nothing is written. Minutes are
-- kept for 2 days and five minutes for 35: what is older is judged at the instants that its buckets
-- have.
--
-- Errors: TC041, TC042 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.default_setting() returns tocsin.alert_settings
language plpgsql stable set search_path = ''
as $$
declare
  v_setting tocsin.alert_settings;
begin
  execute (
    select format('select %s', string_agg(format('%s as %I', coalesce(
      pg_get_expr(d.adbin, d.adrelid), format('null::%s', format_type(a.atttypid, a.atttypmod))),
      a.attname), ', ' order by a.attnum))
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = 'tocsin.alert_settings'::regclass and a.attnum > 0 and not a.attisdropped
  ) into v_setting;
  return v_setting;
end
$$;

comment on function tocsin_internal.default_setting() is
  'A row of alert_settings that has only its defaults.';

create function tocsin_internal.imagine_setting(p_setting jsonb) returns tocsin.alert_settings
language plpgsql stable set search_path = ''
as $$
declare
  v_setting tocsin.alert_settings;
  v_unknown text;
begin
  if jsonb_typeof(p_setting) is distinct from 'object' then
    raise exception 'A setting to try is an object' using errcode = 'TC041',
      hint = 'Write {"kind": "failure_rate", "project_id": "…", "parameters": {"threshold": 5}}.';
  end if;
  select string_agg(format('"%s"', k), ', ') into v_unknown
  from jsonb_object_keys(p_setting) as k
  where not exists (
    select from pg_catalog.pg_attribute a
    where a.attrelid = 'tocsin.alert_settings'::regclass and a.attnum > 0 and a.attname = k);
  if v_unknown is not null then
    raise exception 'A setting has no %', v_unknown using errcode = 'TC041',
      hint = 'It has the columns of tocsin.alert_settings.';
  end if;
  begin
    v_setting := jsonb_populate_record(tocsin_internal.default_setting(), p_setting);
  exception when data_exception then
    raise exception 'That is no setting: %', sqlerrm using errcode = 'TC041',
      hint = 'Give each column as tocsin.alert_settings describes it.';
  end;
  v_setting.name := coalesce(v_setting.name, 'Tried');
  if not exists (select from tocsin.alert_kinds k where k.kind = v_setting.kind) then
    raise exception 'There is no kind "%"', v_setting.kind using errcode = 'TC041',
      hint = 'The kinds are in tocsin.alert_kinds.';
  elsif v_setting.evaluation_interval not between interval '1 minute' and interval '1 day'
    or extract(epoch from v_setting.evaluation_interval) % 60 <> 0
    or v_setting.for_duration not between interval '0' and interval '7 days'
    or v_setting.keep_firing_for not between interval '0' and interval '7 days'
  then
    raise exception 'That is no setting: an interval is out of its bounds'
      using errcode = 'TC041', hint = 'evaluation_interval is 1 minute to 1 day, in whole minutes; '
        'for_duration and keep_firing_for are up to 7 days.';
  end if;
  v_setting.parameters := tocsin_internal.complete_parameters(v_setting.kind,
    v_setting.parameters);
  return v_setting;
end
$$;

comment on function tocsin_internal.imagine_setting(jsonb) is
  'The setting that a row of these columns would be, with the defaults. Raises TC040 and TC041.';

create function tocsin_internal.reach_of(p_setting tocsin.alert_settings) returns interval
language sql immutable set search_path = ''
as $$
  select greatest(
    (p_setting.parameters ->> 'window')::interval
      + coalesce(p_setting.parameters ->> 'compare_with', case
        when p_setting.parameters ? 'compare_with' then p_setting.parameters ->> 'window'
        else '0' end)::interval,
    (p_setting.parameters ->> 'within')::interval,
    (select max((b ->> 'long')::interval)
     from jsonb_array_elements(p_setting.parameters -> 'burn_rates') as b),
    interval '0')
$$;

comment on function tocsin_internal.reach_of(tocsin.alert_settings) is
  'How far before an instant a setting looks to judge it.';

create function tocsin_internal.replay_step(
  p_setting tocsin.alert_settings, p_from timestamptz, p_now timestamptz
) returns interval
language sql stable set search_path = ''
as $$
  select date_bin(b.bucket, '2000-01-01Z'::timestamptz + p_setting.evaluation_interval
    + b.bucket - interval '1 microsecond', '2000-01-01Z') - '2000-01-01Z'::timestamptz
  from (
    select make_interval(mins => case
      when k.evaluator = 'evaluate_run_stuck' then 1
      when k.evaluator like 'evaluate\_queue\_%' then case when p_from
        > p_now - tocsin_internal.kept_for('queue_metrics') + interval '2 minutes' then 1
        else 60 end
      when k.evaluator <> 'evaluate_error_rates' then tocsin_internal.finest_kept(
        p_from - tocsin_internal.reach_of(p_setting), p_now)
      when p_from - tocsin_internal.reach_of(p_setting) >= p_now - interval '47 hours' then 1
      else 15 end) as bucket
    from tocsin.alert_kinds k where k.kind = p_setting.kind
  ) as b
$$;

comment on function tocsin_internal.replay_step(tocsin.alert_settings, timestamptz, timestamptz) is
  'The time between two instants of a replay: the evaluation interval, or the next longer one that '
  'the buckets of that time have.';

create function tocsin_internal.replay_measure(
  p_setting tocsin.alert_settings, p_from timestamptz, p_to timestamptz, p_now timestamptz
) returns table (at timestamptz, transition tocsin.alert_transition, source_id text,
  project_id text, workflow_id text, pending_since timestamptz, value double precision,
  sample bigint, is_flapping boolean, title text, facts jsonb, note text)
-- the planner knows no sizes here, and would look through all that was found for each instant
language plpgsql stable set search_path = '' set work_mem = '64MB' set jit = off
  set enable_nestloop = off
as $$
#variable_conflict use_column
declare
  v_origin constant timestamptz := '2000-01-01 00:00:00+00';
  v_kind constant tocsin.alert_kinds := (select k from tocsin.alert_kinds k
    where k.kind = p_setting.kind);
  v_step constant interval := tocsin_internal.replay_step(p_setting, p_from, p_now);
  v_first timestamptz := date_bin(v_step, p_from, v_origin);
  v_last constant timestamptz := date_bin(v_step, p_to, v_origin);
  v_targets bigint;
  v_row record;
  v_key text[];
  v_memory tocsin_internal.alert_memory;
  v_calm constant tocsin_internal.alert_memory := null;
begin
  if v_first < p_from then
    v_first := v_first + v_step;
  end if;
  if v_first > v_last then
    return;
  end if;
  select count(*) into v_targets from tocsin_internal.known_workflows(
    array[row(p_setting.project_id, p_setting.workflow_id)::tocsin_internal.target]);
  if v_targets * (extract(epoch from v_last - v_first) / extract(epoch from v_step)) > 2000000 then
    raise exception 'That are % workflows at % instants: too many to replay', v_targets,
      (extract(epoch from v_last - v_first) / extract(epoch from v_step))::bigint
      using errcode = 'TC042',
      hint = 'Name a project or a workflow, or take a shorter range or a longer '
        'evaluation_interval.';
  end if;

  for v_row in
    with found as materialized (
      select f from tocsin_internal.evaluate_kind(array[p_setting], v_first, v_last, v_step, p_now,
        null) as f
    ),
    target as (
      select (f).source_id, (f).project_id, (f).workflow_id from found
      union
      select e.source_id, e.project_id, e.workflow_id
      from tocsin_internal.expected_targets(array[p_setting]) as e
    )
    select t.source_id, t.project_id, t.workflow_id, s.at, f.f as found, (f.f).is_breached
    from target t
    cross join generate_series(v_first, v_last, v_step) as s (at)
    left join found f on (f.f).at = s.at and (f.f).source_id = t.source_id
      and (f.f).project_id = t.project_id and (f.f).workflow_id = t.workflow_id
    where not tocsin_internal.is_replaced(p_setting, t.project_id, t.workflow_id)
    order by t.source_id, t.project_id, t.workflow_id, s.at
  loop
    if v_key is distinct from array[v_row.source_id, v_row.project_id, v_row.workflow_id] then
      v_memory := v_calm;
      v_key := array[v_row.source_id, v_row.project_id, v_row.workflow_id];
    end if;
    -- while all is calm only a breach, or missing figures, can change that
    if v_memory.state is null and not coalesce(v_row.is_breached, p_setting.on_no_data = 'alert')
    then
      continue;
    end if;
    v_memory := tocsin_internal.judge(v_memory, p_setting, v_kind.is_calm_without_data,
      v_row.found, v_row.at);
    if v_memory.transition is not null then
      at := v_row.at;
      transition := v_memory.transition;
      source_id := v_row.source_id;
      project_id := v_row.project_id;
      workflow_id := v_row.workflow_id;
      pending_since := v_memory.pending_since;
      value := (v_row.found).value;
      sample := (v_row.found).sample;
      is_flapping := coalesce(v_memory.is_flapping, false);
      facts := coalesce((v_row.found).context -> 'facts', '[]');
      note := v_memory.note;
      title := tocsin_internal.say_transition(v_kind, p_setting, v_memory.transition, source_id,
        project_id, workflow_id, v_row.found);
      return next;
    end if;
    if v_memory.state = 'resolved' then
      v_memory.state := null;
    end if;
  end loop;
end
$$;

comment on function tocsin_internal.replay_measure(tocsin.alert_settings, timestamptz, timestamptz,
  timestamptz) is
  'The transitions that a measure would have made. Raises TC042 when there is too much to replay.';

revoke all on all functions in schema tocsin_internal from public;

-- A backtest runs as its caller, who sees the buckets of their own projects.
grant execute on function
  tocsin_internal.split_range(timestamptz, timestamptz, timestamptz),
  tocsin_internal.finest_kept(timestamptz, timestamptz),
  tocsin_internal.known_workflows(tocsin_internal.target[]),
  tocsin_internal.sum_windows(interval[], timestamptz, tocsin_internal.target[], timestamptz),
  tocsin_internal.slide_windows(interval[], timestamptz, timestamptz, interval,
    tocsin_internal.target[], timestamptz),
  tocsin_internal.slide_bins(interval[], timestamptz, timestamptz, interval,
    tocsin_internal.target[], timestamptz),
  tocsin_internal.slide_errors(interval[], timestamptz, timestamptz, interval, timestamptz),
  tocsin_internal.targets_of(tocsin.alert_settings[]),
  tocsin_internal.sum_runs_of(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz),
  tocsin_internal.evaluate_run_rates(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_run_changes(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_run_missing(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_run_slow(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_slo_burn(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_error_rates(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_kind(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_queue_figures(tocsin.alert_settings[], timestamptz, timestamptz,
    interval, timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_queue_stalled(tocsin.alert_settings[], timestamptz, timestamptz,
    interval, timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.evaluate_queue_errors(tocsin.alert_settings[], timestamptz, timestamptz,
    interval, timestamptz, tocsin_internal.evaluation[]),
  tocsin_internal.queues_of(tocsin.alert_settings[]),
  tocsin_internal.tell_left_queues(tocsin.alert_settings[], tocsin_internal.evaluation[],
    timestamptz),
  tocsin_internal.samples_of(tocsin.alert_settings[], timestamptz, timestamptz, interval,
    timestamptz),
  tocsin_internal.tell_queue(tocsin_internal.queue_sample, double precision, bigint, boolean,
    boolean, jsonb, double precision),
  tocsin_internal.say_count(bigint, boolean),
  tocsin_internal.wilson_bound(double precision, double precision, double precision),
  tocsin_internal.sure_change(double precision, double precision, double precision,
    double precision, double precision),
  tocsin_internal.judge(tocsin_internal.alert_memory, tocsin.alert_settings, boolean,
    tocsin_internal.evaluation, timestamptz),
  tocsin_internal.is_replaced(tocsin.alert_settings, text, text),
  tocsin_internal.expected_targets(tocsin.alert_settings[]),
  tocsin_internal.say_value(double precision, text),
  tocsin_internal.fill_title(text, tocsin.alert_settings, text, double precision, text, bigint),
  tocsin_internal.name_of_workflow(text, text),
  tocsin_internal.name_of_target(text, text, text, tocsin.alert_settings),
  tocsin_internal.say_transition(tocsin.alert_kinds, tocsin.alert_settings,
    tocsin.alert_transition, text, text, text, tocsin_internal.evaluation),
  tocsin_internal.default_setting(),
  tocsin_internal.imagine_setting(jsonb),
  tocsin_internal.reach_of(tocsin.alert_settings),
  tocsin_internal.replay_step(tocsin.alert_settings, timestamptz, timestamptz),
  tocsin_internal.replay_measure(tocsin.alert_settings, timestamptz, timestamptz, timestamptz)
  to authenticated, service_role;
