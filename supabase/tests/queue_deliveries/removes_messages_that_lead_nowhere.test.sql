begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

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
select pg_temp.deliver('mail', '2026-03-04 10:00Z');
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
update tocsin.deliveries set state = 'delivered' where msg_id = 1;
select from pgmq.send('tocsin_deliveries', (
  select message from pgmq.q_tocsin_deliveries where msg_id = 2));
select from pgmq.send('tocsin_deliveries',
  '{"delivery_id": "de11e000-0000-4000-8000-000000000000"}');

select is((select count(*)::int from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z')), 1,
  'A delivery is claimed once, however many messages it has.');
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
select is_empty($$select msg_id from pgmq.q_tocsin_deliveries$$,
  'Messages of what is claimed, what is over, what is not there, and second ones are removed.');

select * from finish();
rollback;
