begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

insert into tocsin.notifications (notification_id, setting_id, project_id, workflow_id, purpose,
  content, decided_at)
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, gen_random_uuid(), 'p', n, 'first', '{}',
  '2020-01-01' from generate_series(1, 3) as n;
insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind, channel_name,
  state, next_attempt_at, created_at)
select notification_id, 'p', gen_random_uuid(), 'email', 'mail',
  (array['pending', 'sending', 'dead'])[workflow_id::int]::tocsin.delivery_state, '2020-01-01',
  '2020-01-01' from tocsin.notifications;
insert into tocsin_internal.throttle_windows (setting_id, source_id, project_id, workflow_id,
  opened_at, closes_at)
values (gen_random_uuid(), 's', 'p', 'w', '2020-01-01', '2020-01-01');
insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, ingested_at)
values (gen_random_uuid(), '1970-01-01', 'worker', 'execution', 'high', '2026-03-04 09:00Z');
select from tocsin_internal.maintain('2026-03-04 10:00Z');

select bag_eq($$select state::text from tocsin.deliveries$$, array['pending', 'sending'],
  'What still waits to be sent is kept, however old.');
select is((select count(*)::int from tocsin_internal.throttle_windows), 1,
  'So is a window that was not closed.');
select is((select count(*)::int from tocsin.error_metrics), 1,
  'And a failure that came in just now, however long ago it says it was.');

insert into tocsin.notifications (notification_id, setting_id, project_id, workflow_id, purpose,
  content, decided_at)
select gen_random_uuid(), null, 'kept', '', 'first', '{}',
  '2026-03-04 10:00Z'::timestamptz - make_interval(days => n) from unnest(array[99, 101]) as n;
update tocsin.retention set keep_for = '100 days' where record = 'alert_logs';
select from tocsin_internal.maintain('2026-03-04 10:00Z');
select is((select count(*)::int from tocsin.notifications where project_id = 'kept'), 1,
  'What decisions told is kept as long as they are.');

select * from finish();
rollback;
