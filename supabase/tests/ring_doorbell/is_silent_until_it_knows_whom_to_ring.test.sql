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
select pg_temp.deliver('mail', '2026-03-04 10:00Z');
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
select is(tocsin_internal.ring_doorbell('2026-03-04 10:00Z'), 0::bigint, 'Without an address,');
select from tocsin.setup('https://x.example/functions/v1');
-- it has rung once by itself
delete from net.http_request_queue;
update tocsin_internal.installation set last_doorbell_id = null, last_doorbell_at = null;
delete from vault.secrets where name = 'tocsin_doorbell_token';
select is(tocsin_internal.ring_doorbell('2026-03-04 10:00Z'), 0::bigint,
  'or without a token it does not ring,');
select is_empty($$select * from net.http_request_queue$$, 'and sends nothing anywhere.');

select * from finish();
rollback;
