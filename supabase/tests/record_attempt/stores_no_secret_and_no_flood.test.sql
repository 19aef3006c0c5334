begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

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
create temp table d as select pg_temp.deliver('mail', '2026-03-04 10:00Z') as id;
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
select from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z');
select from d, tocsin.record_attempt(id, 1, 'dead', now(), now(),
  p_error => 'refused: api_key=abcdef0123' || repeat('x', 9999),
  p_response => '{"token": "abcdef0123"}' || repeat('x', 9999), p_provider_id => repeat('x', 9999));

select doesnt_match((select error || response from tocsin.delivery_attempts), 'abcdef0123',
  'What a receiver echoes is redacted.');
select doesnt_match((select last_error from tocsin.deliveries), 'abcdef0123',
  'In the delivery too.');
select cmp_ok((select length(error || response || provider_id) from tocsin.delivery_attempts), '<',
  4500, 'However much it answers, little of it is kept.');

select * from finish();
rollback;
