begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table workflow_runs (id uuid primary key, project_id uuid, workflow_id uuid, status text,
  started_at timestamptz, finished_at timestamptz);
create table workflow_events (run_id uuid, ts timestamptz, type text, payload jsonb);
select from tocsin.watch_runs('workflow_runs', 'meshhook');
insert into tocsin.alert_channels (name, kind, recipients)
values ('mail', 'email', '{a@b.example}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into workflow_runs (id, status) values ('11111111-0000-4000-8000-000000000001', 'running');
insert into workflow_events values
  ('11111111-0000-4000-8000-000000000001', now(), 'run_created',
   '{"attempt": 5, "error": "private-of-a-customer", "body": "private-of-a-customer"}'),
  ('11111111-0000-4000-8000-000000000001', now() - interval '1 hour', 'step_failed',
   '{"attempt": 5, "node": {"id": "a", "config": "private-of-a-customer"}, "error": "HTTP 500"}');
select from tocsin_internal.tick();

select is((select message from tocsin.error_metrics), 'HTTP 500', 'The failure is told,');
select is_empty($$
  select c.oid::regclass from pg_class c
  where c.relkind in ('r', 'p') and c.relnamespace in ('tocsin'::regnamespace,
      'tocsin_internal'::regnamespace, 'pgmq'::regnamespace)
    and query_to_xml(format('select * from %s', c.oid::regclass), true, false, '')::text
      like '%private-of-a-customer%'
$$, 'and what the run was created with is in no table of Tocsin or its queues.');

select * from finish();
rollback;
