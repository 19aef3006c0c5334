-- Settings for the API: what POST and GET /alerts/settings of tocsin-api ask for.
--
-- Both run as the caller, under the caller's RLS. What is given may be any of the columns that
-- people set; what cannot be saved is answered field by field, and nothing of it is kept. An answer
-- has a status and not an exception, since the Data API has no place for a list of fields.
--
-- Errors: TC012, TC085, TC086, TC087 and TC088, in the answers (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.level_of(p_setting tocsin.alert_settings) returns text
language sql immutable set search_path = ''
as $$
  select case when p_setting.project_id is null then 'everything'
    when p_setting.workflow_id is null then 'project' else 'workflow' end
$$;

comment on function tocsin_internal.level_of(tocsin.alert_settings) is
  'What a setting is for: a workflow, a project or everything.';

create function tocsin_internal.show_setting(p_setting tocsin.alert_settings) returns jsonb
language sql stable set search_path = ''
as $$
  -- who may see a setting need not see its channels: of those, only the ids
  select to_jsonb(p_setting) || jsonb_build_object(
    'level', tocsin_internal.level_of(p_setting),
    'channels', (
      select coalesce(jsonb_agg(jsonb_build_object('channel_id', sc.channel_id, 'name', c.name,
        'kind', c.kind, 'is_enabled', c.is_enabled, 'after_interval', sc.after_interval)
        order by sc.after_interval, c.name, sc.channel_id), '[]')
      from tocsin.alert_setting_channels sc
      left join tocsin.alert_channels c on c.channel_id = sc.channel_id
      where sc.setting_id = p_setting.setting_id))
$$;

comment on function tocsin_internal.show_setting(tocsin.alert_settings) is
  'A setting as the API shows it: its columns, its level and its channels.';

create function tocsin.read_alert_settings(p_project_id text, p_workflow_id text default null)
returns jsonb
language sql stable set search_path = ''
as $$
  with own as materialized (
    select s, tocsin_internal.level_of(s) as level,
      (s.project_id is not null)::int + (s.workflow_id is not null)::int as depth
    from tocsin.alert_settings s
    where (s.project_id is null or s.project_id = p_project_id)
      and (s.workflow_id is null or s.workflow_id = p_workflow_id)
  ),
  judged as (
    select o.s, o.level, o.depth, (
        select coalesce(jsonb_agg(jsonb_build_object('setting_id', (r.s).setting_id,
          'name', (r.s).name) order by r.depth desc, (r.s).name), '[]')
        from own r
        where (r.s).kind = (o.s).kind and (r.s).replaces_general and (r.s).is_enabled
          and r.depth > o.depth) as replaced_by
    from own o
  )
  select jsonb_build_object(
    'settings', (
      select coalesce(jsonb_agg(tocsin_internal.show_setting(j.s) || jsonb_build_object(
        'is_inherited', j.level <> case when p_workflow_id is null then 'project' else 'workflow'
          end,
        'replaced_by', j.replaced_by,
        'applies', (j.s).is_enabled and j.replaced_by = '[]')
        order by j.depth desc, (j.s).kind, (j.s).name, (j.s).setting_id), '[]')
      from judged j),
    'more_specific', (
      select coalesce(jsonb_agg(tocsin_internal.show_setting(s)
        order by s.workflow_id, s.kind, s.name, s.setting_id), '[]')
      from tocsin.alert_settings s
      where p_workflow_id is null and s.project_id = p_project_id and s.workflow_id is not null))
$$;

comment on function tocsin.read_alert_settings(text, text) is
  'The settings that are for a project, or for a workflow of it, for the API: {settings, '
  'more_specific}. Each says whether it is inherited, which more specific ones replace it, and '
  'whether it applies. more_specific: of a project, those of its workflows.';

-- Saving ------------------------------------------------------------------------------------------

create function tocsin_internal.say_type(p_column text) returns text
language sql stable set search_path = ''
as $$
  select case
    when t.typtype = 'e' then 'One of: ' || (
      select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
      from pg_catalog.pg_enum e where e.enumtypid = t.oid) || '.'
    when t.typname = 'interval' then 'A span of time, such as "15 minutes".'
    when t.typname = 'bool' then 'true or false.'
    when t.typname like 'int_' then 'A whole number.'
    when t.typname = 'uuid' then 'A uuid.'
    else 'A text.' end
  from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
  where a.attrelid = 'tocsin.alert_settings'::regclass and a.attname = p_column
$$;

comment on function tocsin_internal.say_type(text) is
  'What a column of alert_settings takes, in words.';

create function tocsin_internal.issue(p_path text, p_message text) returns jsonb
language sql immutable set search_path = ''
as $$ select jsonb_build_array(jsonb_build_object('path', p_path, 'message', p_message)) $$;

comment on function tocsin_internal.issue(text, text) is
  'What is wrong with one field, as a list of one.';

create function tocsin_internal.refusal(
  p_status int, p_code text, p_message text, p_hint text, p_issues jsonb default null
) returns jsonb
language sql immutable set search_path = ''
as $$
  select jsonb_build_object('status', p_status, 'error', jsonb_strip_nulls(jsonb_build_object(
    'code', p_code, 'message', p_message, 'hint', p_hint, 'issues', p_issues)))
$$;

comment on function tocsin_internal.refusal(int, text, text, text, jsonb) is
  'An answer for the API that is no success.';

create function tocsin_internal.fill_setting(
  inout p_row tocsin.alert_settings, p_given jsonb, out issues jsonb
)
language plpgsql stable set search_path = ''
as $$
declare
  v_column text;
begin
  issues := '[]';
  for v_column in
    select k from jsonb_object_keys(p_given) as k
    where k <> all (array['setting_id', 'created_at', 'updated_at', 'channels'])
  loop
    begin
      p_row := jsonb_populate_record(p_row, jsonb_build_object(v_column, p_given -> v_column));
    exception when data_exception then
      issues := issues || tocsin_internal.issue(v_column, tocsin_internal.say_type(v_column));
    end;
  end loop;

  if not exists (select from tocsin.alert_kinds k where k.kind = p_row.kind) then
    issues := issues || tocsin_internal.issue('kind', 'One of: ' || (
      select string_agg(k.kind, ', ' order by k.kind) from tocsin.alert_kinds k) || '.');
  else
    issues := issues || coalesce((
      select jsonb_agg(jsonb_build_object('path', concat_ws('.', 'parameters', f.name),
        'message', 'It ' || f.fault || '.') order by f.place)
      from tocsin_internal.parameter_faults(p_row.kind, p_row.parameters) as f), '[]');
  end if;
end
$$;

comment on function tocsin_internal.fill_setting(tocsin.alert_settings, jsonb) is
  'A setting with what is given filled in, and what of that cannot be.';

create function tocsin_internal.attach_channels(
  p_setting tocsin.alert_settings, p_channels jsonb, out issues jsonb
)
language plpgsql set search_path = ''
as $$
declare
  v_one record;
begin
  issues := '[]';
  for v_one in
    select c ->> 'channel_id' as id, c ->> 'after_interval' as after, place - 1 as place,
      count(*) over (partition by c ->> 'channel_id') as times
    from jsonb_array_elements(p_channels) with ordinality as e (c, place)
    order by e.place
  loop
    if v_one.times > 1 then
      issues := issues || tocsin_internal.issue(format('channels.%s.channel_id', v_one.place),
        'Name each channel once.');
      continue;
    end if;
    begin
      -- as the caller: whoever may not edit a channel does not learn whether it is there
      if not exists (
        select from tocsin.alert_channels c where c.channel_id = v_one.id::uuid
          and c.project_id is not distinct from p_setting.project_id)
      then
        issues := issues || tocsin_internal.issue(format('channels.%s.channel_id', v_one.place),
          'There is no such channel in the setting''s project.');
      elsif coalesce(v_one.after::interval, '0') not between interval '0' and interval '7 days' then
        issues := issues || tocsin_internal.issue(format('channels.%s.after_interval',
          v_one.place), 'A span of time, from 0 to 7 days.');
      end if;
    exception when data_exception then
      issues := issues || tocsin_internal.issue(format('channels.%s', v_one.place),
        'A channel_id, and a span of time as after_interval.');
    end;
  end loop;
  if issues <> '[]' then
    return;
  end if;

  -- what stays as it is is not touched: each change leaves a row in the audit
  with wanted as (
    select (c ->> 'channel_id')::uuid as channel_id,
      coalesce((c ->> 'after_interval')::interval, '0') as after_interval
    from jsonb_array_elements(p_channels) as c
  )
  delete from tocsin.alert_setting_channels sc
  where sc.setting_id = p_setting.setting_id
    and (sc.channel_id, sc.after_interval) not in (select w.channel_id, w.after_interval
      from wanted w);
  insert into tocsin.alert_setting_channels (setting_id, channel_id, after_interval)
  select p_setting.setting_id, (c ->> 'channel_id')::uuid,
    coalesce((c ->> 'after_interval')::interval, '0')
  from jsonb_array_elements(p_channels) as c
  where not exists (
    select from tocsin.alert_setting_channels sc where sc.setting_id = p_setting.setting_id
      and sc.channel_id = (c ->> 'channel_id')::uuid);
end
$$;

comment on function tocsin_internal.attach_channels(tocsin.alert_settings, jsonb) is
  'Makes the channels of a setting those that are given, [{channel_id, after_interval}], unless '
  'one cannot be: then it says which.';

create function tocsin_internal.put_setting(p_row tocsin.alert_settings, p_is_new boolean)
returns boolean
language plpgsql set search_path = ''
as $$
begin
  if p_is_new then
    insert into tocsin.alert_settings select p_row.*;
    return true;
  end if;
  update tocsin.alert_settings s
  set name = p_row.name, kind = p_row.kind, project_id = p_row.project_id,
    workflow_id = p_row.workflow_id, parameters = p_row.parameters, severity = p_row.severity,
    replaces_general = p_row.replaces_general, evaluation_interval = p_row.evaluation_interval,
    for_duration = p_row.for_duration, keep_firing_for = p_row.keep_firing_for,
    on_no_data = p_row.on_no_data, notify_resolved = p_row.notify_resolved,
    group_by = p_row.group_by, group_wait = p_row.group_wait,
    throttle_limit = p_row.throttle_limit, throttle_window = p_row.throttle_window,
    repeat_interval = p_row.repeat_interval, template = p_row.template, labels = p_row.labels,
    is_enabled = p_row.is_enabled
  where s.setting_id = p_row.setting_id;
  return found;
end
$$;

comment on function tocsin_internal.put_setting(tocsin.alert_settings, boolean) is
  'Writes a setting; false: it is not one that the caller may change.';

create function tocsin.save_alert_setting(p_setting jsonb) returns jsonb
language plpgsql set search_path = ''
as $$
declare
  v_id constant text := p_setting ->> 'setting_id';
  v_row tocsin.alert_settings;
  v_filled record;
  v_issues jsonb;
  v_name text;
  v_unusable constant text := 'The setting cannot be saved: each issue names a field.';
  v_what_next constant text := 'Mend what the issues name; nothing was saved.';
begin
  if v_id is null then
    v_row := tocsin_internal.default_setting();
  else
    select * into v_row from tocsin.alert_settings where setting_id = v_id::uuid;
    if not found then
      return tocsin_internal.refusal(404, 'TC087',
        'There is no such setting, or it is not yours to see.',
        'Leave setting_id out to make a new one.');
    elsif (p_setting ->> 'updated_at')::timestamptz <> v_row.updated_at then
      return tocsin_internal.refusal(409, 'TC088', 'The setting was changed since you read it.',
        'Read it again, and send the updated_at that it has then; or leave updated_at out.');
    elsif p_setting ->> 'kind' <> v_row.kind then
      v_row.parameters := '{}';
    end if;
  end if;
  v_filled := tocsin_internal.fill_setting(v_row, p_setting);
  v_row := v_filled.p_row;
  v_issues := v_filled.issues;
  if v_id is null and not p_setting ? 'project_id' then
    v_issues := v_issues || tocsin_internal.issue('project_id',
      'It is needed: a project, or null for everything.');
  end if;
  if v_issues <> '[]' then
    return tocsin_internal.refusal(400, 'TC085', v_unusable, v_what_next, v_issues);
  end if;

  begin
    if not tocsin_internal.put_setting(v_row, v_id is null) then
      raise insufficient_privilege;
    end if;
    if jsonb_typeof(p_setting -> 'channels') = 'array' then
      v_issues := tocsin_internal.attach_channels(v_row, p_setting -> 'channels');
      if v_issues <> '[]' then
        raise exception '%', v_unusable using errcode = 'TC085', hint = v_what_next;
      end if;
    end if;
  exception
    when sqlstate 'TC085' then
      return tocsin_internal.refusal(400, 'TC085', v_unusable, v_what_next, v_issues);
    when sqlstate 'TC012' then
      return tocsin_internal.refusal(409, 'TC012', sqlerrm,
        'Make a new one there, and delete this one.');
    when sqlstate 'TC067' then
      return tocsin_internal.refusal(400, 'TC085', v_unusable, v_what_next,
        tocsin_internal.issue('template', sqlerrm));
    when insufficient_privilege then
      return tocsin_internal.refusal(403, 'TC086', case when v_row.project_id is null
        then 'Only operators may change settings that are for everything.'
        else format('You may not change settings of the project "%s".', v_row.project_id) end,
        'Ask an editor of the project, or an operator.');
    when check_violation then
      get stacked diagnostics v_name = constraint_name;
      return tocsin_internal.refusal(400, 'TC085', v_unusable, v_what_next, tocsin_internal.issue((
        select a.attname from pg_catalog.pg_constraint c
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.conname = v_name and c.conrelid = 'tocsin.alert_settings'::regclass),
        upper(left(v_name, 1)) || replace(substr(v_name, 2), '_', ' ') || '.'));
    when not_null_violation then
      get stacked diagnostics v_name = column_name;
      return tocsin_internal.refusal(400, 'TC085', v_unusable, v_what_next,
        tocsin_internal.issue(v_name, 'It is needed.'));
  end;
  select * into v_row from tocsin.alert_settings where setting_id = v_row.setting_id;
  return jsonb_build_object('status', case when v_id is null then 201 else 200 end,
    'setting', tocsin_internal.show_setting(v_row));
end
$$;

comment on function tocsin.save_alert_setting(jsonb) is
  'Makes an alert setting or, with its setting_id, changes what is given of one, for the API; '
  'channels, [{channel_id, after_interval}], replace those that it has. With updated_at only if '
  'nobody changed it since. Answers {status: 201 or 200, setting}, or status 400, 403, 404 or 409 '
  'with error {code, message, hint, issues: [{path, message}]}.';

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.level_of(tocsin.alert_settings),
  tocsin_internal.show_setting(tocsin.alert_settings), tocsin_internal.say_type(text),
  tocsin_internal.issue(text, text), tocsin_internal.refusal(int, text, text, text, jsonb),
  tocsin_internal.fill_setting(tocsin.alert_settings, jsonb),
  tocsin_internal.attach_channels(tocsin.alert_settings, jsonb),
  tocsin_internal.put_setting(tocsin.alert_settings, boolean)
  to authenticated, service_role;
revoke all on function tocsin.read_alert_settings(text, text), tocsin.save_alert_setting(jsonb)
  from public, anon, authenticated, service_role;
grant execute on function tocsin.read_alert_settings(text, text),
  tocsin.save_alert_setting(jsonb) to authenticated, service_role;
