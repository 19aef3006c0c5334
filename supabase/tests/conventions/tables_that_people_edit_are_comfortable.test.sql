begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

-- what people fill in by hand, in Studio or through the Data API
create temp view edited as
  select c.oid, c.relname::text as name
  from pg_class c
  where c.relnamespace = 'tocsin'::regnamespace and c.relkind in ('r', 'p')
    and (has_table_privilege('authenticated', c.oid, 'insert')
      or has_table_privilege('authenticated', c.oid, 'update'))
    -- written by functions of ours, for whoever calls them
    and c.relname not in ('alert_transitions', 'error_group_changes', 'ingest_keys');
select isnt_empty('select from edited', 'There are some.');

select bag_eq($$
  select e.name || '.' || a.attname from edited e
  join pg_attribute a on a.attrelid = e.oid and a.attnum > 0 and not a.attisdropped
  where a.attnotnull and not a.atthasdef and a.attidentity = ''
    and has_table_privilege('authenticated', e.oid, 'insert')
$$, array['alert_channels.name', 'alert_channels.kind', 'alert_settings.name',
  'alert_setting_channels.setting_id', 'alert_setting_channels.channel_id',
  'quiet_periods.name', 'silences.reason', 'alert_routes.name', 'alert_routes.channel_id',
  'workflow_settings.project_id', 'workflow_settings.workflow_id', 'project_members.project_id',
  'project_members.user_id', 'operators.user_id', 'error_classifiers.name',
  'redaction_rules.name', 'redaction_rules.kind', 'queues.queue_name'],
  'Only this has to be filled in; all else has a default that works.');

select is_empty($$
  select conrelid::regclass, conname from pg_constraint
  where connamespace = 'tocsin'::regnamespace and contype = 'c'
    and conrelid <> 0 and conname !~ '^[a-z0-9]+(_[a-z0-9]+){2,}$'
$$, 'The name of every constraint is a sentence.');
select is_empty($$
  select conrelid::regclass, conname from pg_constraint
  where connamespace = 'tocsin'::regnamespace and contype = 'c' and conname ~ '_check\d*$'
$$, 'None is one that Postgres made up.');

select is_empty($$
  select e.name || '.' || a.attname from edited e
  join pg_attribute a on a.attrelid = e.oid and a.attnum > 0 and not a.attisdropped
  where (a.attname ~ '(channel|setting)_id$' or a.attname = 'kind' and e.name ~ '^(alert|sil)')
    and a.atttypid in ('uuid'::regtype, 'text'::regtype)
    and not exists (
      select from pg_index i where i.indrelid = e.oid and i.indisprimary
        and i.indnatts = 1 and i.indkey[0] = a.attnum)
    and not exists (
      select from pg_constraint f where f.conrelid = e.oid and f.contype = 'f'
        and f.conkey = array[a.attnum])
$$, 'What is picked from another table has a foreign key to pick it by.');
select is_empty($$
  select e.name || '.' || a.attname from edited e
  join pg_attribute a on a.attrelid = e.oid and a.attnum > 0 and not a.attisdropped
  where coalesce(length(col_description(e.oid, a.attnum)), 0) < 8
$$, 'Every column says what it is.');

select is_empty($$
  select e.name from edited e
  where not exists (
    select from pg_trigger t where t.tgrelid = e.oid
      and t.tgfoid = 'tocsin_internal.note_change'::regproc)
$$, 'Every change of them is noted.');

select * from finish();
rollback;
