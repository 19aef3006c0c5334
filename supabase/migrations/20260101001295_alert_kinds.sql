-- Kinds of alert: what a setting can choose from, and the parameters of each.
--
-- A kind of the family event hears of failures one by one, as they are stored. A kind of the family
-- measure looks at figures of complete minutes: its evaluator is a function with the interface of
-- evaluate_rates(), and its rows go through the one state machine of alerts. A new kind is a row
-- here and, for a measure, one function.
--
-- Errors: TC040 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create type tocsin.alert_family as enum ('event', 'measure');
comment on type tocsin.alert_family is
  'How a kind of alert works: event (hears of failures one by one) or measure (looks at figures).';

create type tocsin.criticality as enum ('low', 'normal', 'critical');
comment on type tocsin.criticality is 'How much a workflow matters: low, normal or critical.';

create table tocsin.alert_kinds (
  kind text primary key,
  family tocsin.alert_family not null,
  title text not null,
  description text not null,
  parameters jsonb not null default '[]',
  evaluator text,
  unit text,
  fired_title text,
  resolved_title text,
  is_calm_without_data boolean not null default false,
  constraint a_measure_has_an_evaluator_and_titles check (
    family = 'event'
    or evaluator is not null and fired_title is not null and resolved_title is not null
  ),
  constraint parameters_are_a_list check (jsonb_typeof(parameters) = 'array')
);

comment on table tocsin.alert_kinds is 'The kinds of alert that a setting can choose from.';
comment on column tocsin.alert_kinds.kind is 'The kind.';
comment on column tocsin.alert_kinds.family is
  'event: hears of failures one by one. measure: looks at figures of complete minutes.';
comment on column tocsin.alert_kinds.title is 'What people call it.';
comment on column tocsin.alert_kinds.description is 'When it alerts.';
comment on column tocsin.alert_kinds.parameters is
  'Its parameters, in order: name, type (number, integer, interval, boolean, choice, choices, '
  'texts or burn_rates), default, min, max, unit, choices, description.';
comment on column tocsin.alert_kinds.evaluator is
  'For a measure: the function of tocsin_internal that judges it.';
comment on column tocsin.alert_kinds.unit is 'The unit of its value; null: a plain number.';
comment on column tocsin.alert_kinds.fired_title is
  'What a notification says when it fires; {{target}}, {{value}}, {{sample}} and each parameter '
  'are filled in.';
comment on column tocsin.alert_kinds.resolved_title is 'What a notification says when it is over.';
comment on column tocsin.alert_kinds.is_calm_without_data is
  'Whether nothing to judge means that all is well (it counts things), or that nobody can tell.';

-- Parameters --------------------------------------------------------------------------------------

create function tocsin_internal.say_parameter_fault(p_parameter jsonb, p_value jsonb) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_type constant text := p_parameter ->> 'type';
  v_is constant text := jsonb_typeof(p_value);
  v_number numeric;
begin
  if v_is is null then
    return null;
  elsif v_is = 'null' then
    return case when p_parameter -> 'default' <> 'null' then 'may not be null' end;
  elsif v_type in ('number', 'integer') then
    if v_is <> 'number' then
      return 'is a number, without quotes';
    elsif v_type = 'integer' and p_value::numeric % 1 <> 0 then
      return 'is a whole number';
    end if;
    v_number := p_value::numeric;
  elsif v_type = 'interval' then
    if v_is <> 'string' then
      return 'is a span of time in quotes, such as "15 minutes"';
    end if;
    v_number := extract(epoch from (p_value #>> '{}')::interval);
    if v_number < extract(epoch from (p_parameter ->> 'min')::interval)
      or v_number > extract(epoch from (p_parameter ->> 'max')::interval)
    then
      return format('is between %s and %s', p_parameter ->> 'min', p_parameter ->> 'max');
    elsif v_number % 60 <> 0 then
      return 'is of whole minutes';
    end if;
    return null;
  elsif v_type = 'boolean' then
    return case when v_is <> 'boolean' then 'is true or false' end;
  elsif v_type = 'choice' then
    return case when v_is <> 'string' or not p_parameter -> 'choices' @> p_value then
      'is one of ' || tocsin_internal.list_choices(p_parameter) end;
  elsif v_type = 'choices' then
    return case when v_is <> 'array' or not p_parameter -> 'choices' @> p_value then
      'is a list of ' || tocsin_internal.list_choices(p_parameter) end;
  elsif v_type = 'texts' then
    return case when v_is <> 'array' or jsonb_array_length(p_value) > 100
        or exists (select from jsonb_array_elements(p_value) as e (item)
          where jsonb_typeof(item) <> 'string' or length(item #>> '{}') not between 1 and 200)
      then 'is a list of up to 100 texts' end;
  elsif v_type = 'burn_rates' then
    return case when v_is <> 'array' or jsonb_array_length(p_value) not between 1 and 6
        or exists (
          select from jsonb_array_elements(p_value) as e (item)
          where jsonb_typeof(item) <> 'object'
            or jsonb_typeof(item -> 'rate') is distinct from 'number'
            or ((item ->> 'rate')::numeric between 0.1 and 1000
              and (item ->> 'short')::interval between interval '1 minute'
                and (item ->> 'long')::interval
              and (item ->> 'long')::interval <= interval '30 days') is not true)
      then 'is a list of up to 6 objects with rate (a number), short and long (spans of time, '
        'short at most as long as long, which is 30 days at most)' end;
  end if;
  if v_number < (p_parameter ->> 'min')::numeric or v_number > (p_parameter ->> 'max')::numeric then
    return format('is between %s and %s', p_parameter ->> 'min', p_parameter ->> 'max');
  end if;
  return null;
exception when invalid_datetime_format or datetime_field_overflow or interval_field_overflow
  or null_value_not_allowed or invalid_text_representation then
  return 'is a span of time in quotes, such as "15 minutes"';
end
$$;

comment on function tocsin_internal.say_parameter_fault(jsonb, jsonb) is
  'What is wrong with the value of a parameter, in words that follow its name; null: nothing.';

create function tocsin_internal.list_choices(p_parameter jsonb) returns text
language sql immutable set search_path = ''
as $$ select string_agg(c, ', ') from jsonb_array_elements_text(p_parameter -> 'choices') as c $$;

comment on function tocsin_internal.list_choices(jsonb) is 'The choices of a parameter, in words.';

create function tocsin_internal.parameter_faults(p_kind text, p_given jsonb)
returns table (place bigint, name text, fault text)
language sql stable set search_path = ''
as $$
  select 0, null::text, 'is an object' where jsonb_typeof(p_given) is distinct from 'object'
  union all
  select 0, g.key, 'is not known'
  from jsonb_each(case when jsonb_typeof(p_given) = 'object' then p_given else '{}' end) as g
  where exists (select from tocsin.alert_kinds k where k.kind = p_kind) and not exists (
    select from tocsin.alert_kinds k, jsonb_array_elements(k.parameters) as p (item)
    where k.kind = p_kind and item ->> 'name' = g.key)
  union all
  select f.place, f.name, f.fault from (
    select p.place, item ->> 'name' as name,
      tocsin_internal.say_parameter_fault(item, p_given -> (item ->> 'name')) as fault
    from tocsin.alert_kinds k, jsonb_array_elements(k.parameters) with ordinality as p (item, place)
    where k.kind = p_kind
  ) as f
  where f.fault is not null
$$;

comment on function tocsin_internal.parameter_faults(text, jsonb) is
  'What is wrong with the parameters of a setting of this kind: of each its name and, in words '
  'that follow it, what; without a name: they are no object.';

create function tocsin_internal.complete_parameters(p_kind text, p_given jsonb) returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
  v_known constant jsonb := (select parameters from tocsin.alert_kinds where kind = p_kind);
  v_faults text;
begin
  if v_known is null then
    -- the foreign key says so better
    return p_given;
  elsif jsonb_typeof(p_given) is distinct from 'object' then
    raise exception 'The parameters of a setting are an object' using errcode = 'TC040',
      hint = 'Write {"threshold": 5}, or {} for the defaults.';
  end if;
  select string_agg(format('"%s" %s', f.name, f.fault), '; ' order by f.place, f.name) into v_faults
  from tocsin_internal.parameter_faults(p_kind, p_given) as f;
  if v_faults is not null then
    raise exception 'Parameters of %: %', p_kind, v_faults
      using errcode = 'TC040', hint = 'This kind knows: ' || coalesce((
        select string_agg(item ->> 'name', ', ') from jsonb_array_elements(v_known) as p (item)),
        'none') || '. tocsin.alert_kinds describes each.';
  end if;
  return coalesce((
    select jsonb_object_agg(item ->> 'name', coalesce(p_given -> (item ->> 'name'),
      item -> 'default'))
    from jsonb_array_elements(v_known) as p (item)), '{}');
end
$$;

comment on function tocsin_internal.complete_parameters(text, jsonb) is
  'The parameters of a setting with the defaults of its kind filled in. Raises TC040, which names '
  'every one that cannot be.';

-- The kinds that hear of events -----------------------------------------------------------------

insert into tocsin.alert_kinds (kind, family, title, description, parameters) values
  ('run_failed', 'event', 'Run failed',
   'Each run that fails or times out, at once; further failures of the same workflow within the '
   'throttle window are counted and told at its end.', $json$[
    {"name": "min_severity", "type": "choice", "default": "low",
     "choices": ["low", "medium", "high"],
     "description": "The least severity to hear of. A failure of a critical workflow is high."},
    {"name": "error_types", "type": "choices", "default": [],
     "choices": ["system", "execution", "input", "timeout", "network", "auth", "rate_limit",
       "dependency", "unknown"],
     "description": "Only failures of these types; none: of every type."},
    {"name": "nodes", "type": "texts", "default": [],
     "description": "Only failures at these nodes, where * stands for any text; none: at any."},
    {"name": "criticality", "type": "choices", "default": [],
     "choices": ["low", "normal", "critical"],
     "description": "Only workflows of this criticality (workflow_settings); none: of any."},
    {"name": "resolve_on_success", "type": "boolean", "default": false,
     "description": "Whether to tell when the workflow succeeds again."}
   ]$json$),
  ('error_occurred', 'event', 'Error occurred',
   'Each error, of runs and of everything else that reports errors, at once; further ones within '
   'the throttle window are counted and told at its end.', $json$[
    {"name": "min_severity", "type": "choice", "default": "low",
     "choices": ["low", "medium", "high"], "description": "The least severity to hear of."},
    {"name": "error_types", "type": "choices", "default": [],
     "choices": ["system", "execution", "input", "timeout", "network", "auth", "rate_limit",
       "dependency", "unknown"],
     "description": "Only errors of these types; none: of every type."},
    {"name": "sources", "type": "choices", "default": [],
     "choices": ["worker", "webhook", "system"],
     "description": "Only errors from these sources; none: from any."},
    {"name": "nodes", "type": "texts", "default": [],
     "description": "Only errors at these nodes, where * stands for any text; none: at any."}
   ]$json$),
  ('error_new', 'event', 'New kind of error',
   'An error that no error group has seen before.', $json$[
    {"name": "min_severity", "type": "choice", "default": "low",
     "choices": ["low", "medium", "high"], "description": "The least severity to hear of."},
    {"name": "error_types", "type": "choices", "default": [],
     "choices": ["system", "execution", "input", "timeout", "network", "auth", "rate_limit",
       "dependency", "unknown"],
     "description": "Only errors of these types; none: of every type."},
    {"name": "sources", "type": "choices", "default": [],
     "choices": ["worker", "webhook", "system"],
     "description": "Only errors from these sources; none: from any."}
   ]$json$),
  ('error_regressed', 'event', 'Error came back',
   'An error of a group that was resolved.', $json$[
    {"name": "min_severity", "type": "choice", "default": "low",
     "choices": ["low", "medium", "high"], "description": "The least severity to hear of."},
    {"name": "error_types", "type": "choices", "default": [],
     "choices": ["system", "execution", "input", "timeout", "network", "auth", "rate_limit",
       "dependency", "unknown"],
     "description": "Only errors of these types; none: of every type."},
    {"name": "sources", "type": "choices", "default": [],
     "choices": ["worker", "webhook", "system"],
     "description": "Only errors from these sources; none: from any."}
   ]$json$);

revoke all on all functions in schema tocsin_internal from public;
