-- Configuration changes: who changed what people have set, when, and what it was before.
--
-- Each row of a table of configuration that is inserted, changed or deleted leaves a row here, in
-- the same transaction, whether that was done in Studio, through the Data API or in SQL. What is
-- secret is masked: the values of headers, and of an address all but its host. (The secrets of
-- channels are in Vault, and are not in these tables at all.)
--
-- SECURITY DEFINER functions:
--   tocsin_internal.note_change()   writes the table, which nobody may write

create table tocsin.configuration_changes (
  change_id bigint generated always as identity primary key,
  project_id text,
  record text not null,
  record_id text not null,
  record_name text,
  action text not null,
  before jsonb,
  after jsonb,
  changed_by uuid,
  changed_as text not null,
  changed_at timestamptz not null,
  constraint action_is_insert_update_or_delete check (action in ('insert', 'update', 'delete')),
  constraint before_and_after_fit_the_action
    check ((before is null) = (action = 'insert') and (after is null) = (action = 'delete'))
);

create index configuration_changes_project_id_changed_at_idx on tocsin.configuration_changes
  (project_id, changed_at desc);
create index configuration_changes_record_record_id_changed_at_idx on tocsin.configuration_changes
  (record, record_id, changed_at desc);
create index configuration_changes_changed_at_idx on tocsin.configuration_changes (changed_at);

comment on table tocsin.configuration_changes is
  'Who changed what people have set, when, and what it was before and after. Written by triggers; '
  'never changed; kept as long as tocsin.retention says.';
comment on column tocsin.configuration_changes.change_id is 'The order of changing.';
comment on column tocsin.configuration_changes.project_id is
  'The project of what was changed. Null: the operators'', or it is not known any more.';
comment on column tocsin.configuration_changes.record is
  'The table: alert_settings, alert_channels, quiet_periods …';
comment on column tocsin.configuration_changes.record_id is
  'The row: its key; the parts of one that has several, with a slash between.';
comment on column tocsin.configuration_changes.record_name is 'What the row is called, if '
  'anything.';
comment on column tocsin.configuration_changes.action is 'insert, update or delete.';
comment on column tocsin.configuration_changes.before is
  'What it was: of a change, only the columns that changed. Secrets are masked.';
comment on column tocsin.configuration_changes.after is
  'What it became: of a change, only the columns that changed. Secrets are masked.';
comment on column tocsin.configuration_changes.changed_by is
  'The user who was signed in; null: nobody was, as in Studio or in SQL.';
comment on column tocsin.configuration_changes.changed_as is
  'The database role: authenticated, service_role, postgres …';
comment on column tocsin.configuration_changes.changed_at is 'When.';

create function tocsin_internal.mask_configuration(p_record text, p_row jsonb) returns jsonb
language sql immutable set search_path = ''
as $$
  select case p_record when 'self_watch' then p_row || jsonb_build_object('heartbeat_url',
      -- who knows it can say that all is well
      regexp_replace(p_row ->> 'heartbeat_url', '^([a-z]+://)([^/?#]*).*$', '\1\2/***'))
    when 'alert_channels' then p_row - 'secret_id' || jsonb_build_object(
      'headers', coalesce((select jsonb_object_agg(h.key, '***')
        from jsonb_each(case when jsonb_typeof(p_row -> 'headers') = 'object'
          then p_row -> 'headers' else '{}' end) as h), '{}'),
      -- only what stands between the scheme and the path, and nothing before an @
      'url', regexp_replace(p_row ->> 'url', '^([a-z]+://)(?:[^/?#]*@)?([^/?#]*).*$', '\1\2/***')
    ) else p_row end
$$;

comment on function tocsin_internal.mask_configuration(text, jsonb) is
  'A row of a table of configuration without its secrets.';

create function tocsin_internal.note_change() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_old constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  v_new constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  v_row constant jsonb := coalesce(v_new, v_old);
  v_before jsonb := tocsin_internal.mask_configuration(tg_table_name, v_old);
  v_after jsonb := tocsin_internal.mask_configuration(tg_table_name, v_new);
begin
  if tg_op = 'UPDATE' then
    if v_old - 'updated_at' = v_new - 'updated_at' then
      return null;
    end if;
    -- which columns changed is seen in what they are, not in what is shown of them
    select coalesce(jsonb_object_agg(o.key, v_before -> o.key) filter (where v_before ? o.key),
      '{}'),
      coalesce(jsonb_object_agg(o.key, v_after -> o.key) filter (where v_after ? o.key), '{}')
    into v_before, v_after
    from jsonb_each(v_old) as o
    where o.key <> 'updated_at' and o.value is distinct from v_new -> o.key;
  end if;
  insert into tocsin.configuration_changes (project_id, record, record_id, record_name, action,
    before, after, changed_by, changed_as, changed_at)
  values (
    case when tg_table_name = 'alert_setting_channels' then coalesce(
      (select project_id from tocsin.alert_settings
        where setting_id = (v_row ->> 'setting_id')::uuid),
      (select project_id from tocsin.alert_channels
        where channel_id = (v_row ->> 'channel_id')::uuid))
      else v_row ->> 'project_id' end,
    tg_table_name,
    (select string_agg(v_row ->> k, '/' order by place)
      from unnest(string_to_array(tg_argv[0], ',')) with ordinality as key (k, place)),
    coalesce(v_row ->> 'name', v_row ->> 'reason'), lower(tg_op), v_before, v_after,
    tocsin_internal.signed_in_user(),
    coalesce(nullif(current_setting('role', true), 'none'), session_user::text),
    clock_timestamp());
  return null;
end
$$;

comment on function tocsin_internal.note_change() is
  'Trigger of the tables of configuration: leaves a row in configuration_changes. Its argument: '
  'the columns of the key.';

insert into tocsin.retention (record, keep_for, description) values
  ('configuration_changes', '400 days', 'Changes of what people have set.');

do $triggers$
declare
  v_table text;
  v_key text;
begin
  for v_table, v_key in values
    ('alert_settings', 'setting_id'), ('alert_setting_channels', 'setting_id,channel_id'),
    ('alert_channels', 'channel_id'), ('alert_routes', 'route_id'),
    ('quiet_periods', 'period_id'), ('silences', 'silence_id'),
    ('workflow_settings', 'project_id,workflow_id'), ('error_classifiers', 'classifier_id'),
    ('retention', 'record'), ('project_members', 'project_id,user_id'), ('operators', 'user_id')
  loop
    execute format('create trigger %I after insert or update or delete on tocsin.%I '
      'for each row execute function tocsin_internal.note_change(%L)', v_table || '_audit',
      v_table, v_key);
  end loop;
end
$triggers$;

-- How long they are kept --------------------------------------------------------------------------

create function tocsin_internal.prune_configuration_changes(p_now timestamptz, p_limit int)
returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_count bigint;
begin
  delete from tocsin.configuration_changes where change_id = any (array(
    select change_id from tocsin.configuration_changes
    where changed_at < p_now - tocsin_internal.kept_for('configuration_changes') limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.prune_configuration_changes(timestamptz, int) is
  'Drops changes of configuration that tocsin.retention no longer keeps. A step of maintain().';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.configuration_changes enable row level security;

-- editors, since what is set of channels is not for every viewer's eyes
create policy editors_see_changes on tocsin.configuration_changes
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

revoke all on tocsin.configuration_changes from public, anon, authenticated, service_role;
grant select on tocsin.configuration_changes to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
