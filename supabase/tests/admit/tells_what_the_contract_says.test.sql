begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id text primary key, status text, project_id text, flow_id int, error text,
  failed_step text, finished_at timestamptz);
create table flows (id int primary key, title text);
select from tocsin.watch_runs('runs', p_options => '{
  "workflow_names": {"table": "public.flows", "id": "id", "name": "title"},
  "run_url_template": "https://x.example/{{project_id}}/{{workflow_id}}/{{run_id}}"}');
insert into flows values (3, 'Nightly export');
insert into tocsin.alert_settings (setting_id, name, throttle_limit, throttle_window)
values ('5e771460-0000-4000-8000-000000000001', 'all', 2, '15 minutes');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values ('a/b {{run_id}}', 'failed', 'Ä&co', 3, 'token=abc', 'write',
  '2026-03-04 09:59Z');
select from tocsin_internal.tick('2026-03-04 10:00Z');

select is((
  select content #- '{event,error_id}' #- '{notification_id}' from tocsin.notifications
), '{
  "version": 1, "purpose": "first",
  "title": "Nightly export failed at write: token=[redacted:secret]",
  "facts": [], "alert": null, "items": null, "kind": "run_failed", "severity": "high",
  "setting": {"setting_id": "5e771460-0000-4000-8000-000000000001", "name": "all"},
  "project_id": "Ä&co", "workflow_id": "3", "workflow_name": "Nightly export",
  "event": {
    "source_id": "runs", "run_id": "a/b {{run_id}}", "node": "write", "error_type": "execution",
    "message": "token=[redacted:secret]", "occurred_at": "2026-03-04T09:59:00+00:00",
    "attempt": null,
    "run_url": "https://x.example/%C3%84%26co/3/a%2Fb%20%7B%7Brun_id%7D%7D"},
  "held_back": null, "throttle": {"limit": 2, "window_seconds": 900},
  "decided_at": "2026-03-04T10:00:00+00:00"}',
  'A notification says what failed, redacted, with a link that nothing can break out of.');
select results_eq($$
  select (content ->> 'notification_id')::uuid, (content #>> '{event,error_id}')::uuid
  from tocsin.notifications
$$, $$select notification_id, event_id from tocsin.alert_logs$$,
  'Its ids are those of the decision.');

select * from finish();
rollback;
