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
insert into tocsin.alert_channels (name, kind, recipients) values
  ('off', 'email', '{a@b.test}'), ('gone', 'email', '{a@b.test}');
select pg_temp.deliver(name, '2026-03-04 10:00Z')
from unnest(array['mail', 'off', 'gone']) as name;
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
update tocsin.alert_channels set is_enabled = false where name = 'off';
delete from tocsin.alert_channels where name = 'gone';
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');

select results_eq($$
  select channel_name from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z')
$$, array['mail'], 'Only a channel that is on is sent to.');
select bag_eq($$
  select channel_name, state::text, last_error from tocsin.deliveries where state = 'dead'
$$, $$
  values ('off', 'dead', 'the channel was turned off or deleted'),
    ('gone', 'dead', 'the channel was turned off or deleted')
$$, 'The others are given up, and say why.');
select is_empty($$select * from pgmq.q_tocsin_deliveries$$, 'Their messages are deleted.');
select is((select count(*)::int from pgmq.q_tocsin_deliveries_dlq), 2,
  'They are among the dead letters.');

select * from finish();
rollback;
