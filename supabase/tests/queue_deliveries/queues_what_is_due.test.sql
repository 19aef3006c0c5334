begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create function pg_temp.deliver(p_channel text, p_due timestamptz) returns uuid
language sql as $$
  with n as (
    insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
      decided_at)
    values (gen_random_uuid(), '', 'w', 'first', '{"version": 1}', p_due)
    returning notification_id
  )
  insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind,
    channel_name, next_attempt_at, created_at)
  select notification_id, '', channel_id, kind, name, p_due, p_due
  from n, tocsin.alert_channels where name = p_channel
  returning delivery_id
$$;
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
select pg_temp.deliver('mail', '2026-03-04 10:00Z');
select pg_temp.deliver('mail', '2026-03-04 11:00Z');

select is(tocsin_internal.queue_deliveries('2026-03-04 10:00Z'), 1::bigint,
  'What is due is queued, and what is not waits.');
select results_eq($$select message, msg_id from pgmq.q_tocsin_deliveries$$, $$
  select jsonb_build_object('delivery_id', delivery_id), msg_id from tocsin.deliveries
  where next_attempt_at = '2026-03-04 10:00Z'
$$, 'The message carries the id of the delivery and nothing else.');
select is(tocsin_internal.queue_deliveries('2026-03-04 10:30Z'), 0::bigint,
  'What has its message is not queued twice.');
select is(tocsin_internal.queue_deliveries('2026-03-04 11:00Z'), 1::bigint,
  'The other one is queued when its time has come.');

select * from finish();
rollback;
