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
select pg_temp.deliver('mail', '2026-03-04 10:00Z') from generate_series(1, 3);
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
select from pgmq.purge_queue('tocsin_deliveries');
select is(tocsin_internal.queue_deliveries('2026-03-04 10:00Z'), 3::bigint,
  'Messages that were lost are sent again.');
select pgmq.drop_queue('tocsin_deliveries');
select pgmq."create"('tocsin_deliveries');
select from pgmq.send_batch('tocsin_deliveries',
  array_fill('{"delivery_id": "x"}'::jsonb, array[9]));

select is(tocsin_internal.queue_deliveries('2026-03-04 10:00Z'), 3::bigint,
  'A message of the same number, in a queue made anew, is not taken for the lost one.');

select * from finish();
rollback;
