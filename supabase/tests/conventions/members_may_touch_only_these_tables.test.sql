begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

select bag_eq($$
  select (c.oid::regclass || ': ' || string_agg(lower(a.privilege_type), ', '
    order by a.privilege_type)) as line
  from pg_class c cross join lateral aclexplode(c.relacl) as a
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and a.grantee = 'authenticated'::regrole
  group by c.oid
$$, array[
  'tocsin.alert_channels: delete, insert, select, update',
  'tocsin.alert_kinds: select',
  'tocsin.troubles: select',
  'tocsin.self_watch: select, update',
  'tocsin.self_metrics: select',
  'tocsin.alert_routes: delete, insert, select, update',
  'tocsin.quiet_periods: delete, insert, select, update',
  'tocsin.silences: delete, insert, select, update',
  'tocsin.alert_logs: select',
  'tocsin.alert_transitions: insert, select',
  'tocsin.alerts: select',
  'tocsin.alert_setting_channels: delete, insert, select',
  'tocsin.channel_states: select',
  'tocsin.send_paces: select, update',
  'tocsin.alert_settings: delete, insert, select, update',
  'tocsin.backfills: select',
  'tocsin.configuration_changes: select',
  'tocsin.deliveries: select',
  'tocsin.unaccounted_events: select',
  'tocsin.delivery_attempts: select',
  'tocsin.error_metrics: select',
  'tocsin.forwarder_states: select',
  'tocsin.forwarders: select, update',
  'tocsin.forwardings: select',
  'tocsin.names: select',
  'tocsin.notifications: select',
  'tocsin.operators: delete, insert, select',
  'tocsin.project_members: delete, insert, select, update',
  'tocsin.run_sources: select',
  'tocsin.workflow_settings: delete, insert, select, update',
  'tocsin.workflow_run_metrics: select',
  'tocsin_internal.counted_ranges: select',
  'tocsin_internal.counted_runs: select',
  'tocsin_internal.granularities: select',
  'tocsin_internal.long_runs: select',
  'tocsin_internal.outcome_floor: select',
  'tocsin_internal.pending_outcomes: select',
  'tocsin_internal.run_buckets: select',
  'tocsin_internal.run_outcomes: select',
  'tocsin.error_classifiers: delete, insert, select, update',
  'tocsin.redaction_rules: delete, insert, select, update',
  'tocsin.error_group_changes: insert, select',
  'tocsin.error_group_hours: select',
  'tocsin.error_groups: select',
  'tocsin.retention: select, update',
  'tocsin_internal.error_buckets: select',
  'tocsin_internal.error_impact: select',
  'tocsin.ingest_keys: insert, select, update',
  'tocsin.error_sources: select',
  'tocsin.dead_letter_actions: select',
  'tocsin.queue_health: select',
  'tocsin.queue_hours: select',
  'tocsin.queue_metrics: select',
  'tocsin.queues: insert, select, update',
  'tocsin_internal.queue_states: select',
  'tocsin.cron_health: select',
  'tocsin.cron_jobs: select',
  'tocsin.cron_metrics: select',
  'tocsin.platform_health: select',
  'tocsin.request_waits: select',
  'tocsin.webhook_health: select',
  'tocsin.webhook_metrics: select',
  'tocsin.webhooks: select'
], 'A signed-in user has these rights on these tables, under row-level security, and no other.');

select is_empty($$
  select c.oid::regclass, a.grantee::regrole from pg_class c
  cross join lateral aclexplode(c.relacl) as a
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and a.grantee in (0, 'anon'::regrole)
$$, 'No table is open to everybody.');

select is_empty($$
  select attrelid::regclass, attname from pg_attribute
  join pg_class c on c.oid = attrelid
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and attacl is not null
$$, 'No right is hidden on a single column.');

select * from finish();
rollback;
