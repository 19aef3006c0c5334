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
insert into tocsin.alert_channels (name, kind, url, headers)
values ('hook', 'webhook', 'https://x.example/in', '{"x-team": "ops"}');
select pg_temp.deliver('mail', '2026-03-04 10:00Z');
select pg_temp.deliver('hook', '2026-03-04 10:00Z');
select from tocsin_internal.queue_deliveries('2026-03-04 10:01Z');
set local role service_role;
create temp table claimed as
select * from tocsin.claim_deliveries(p_lease_seconds => 60, p_now => '2026-03-04 10:01Z');
reset role;

select bag_eq($$
  select attempt, channel_kind::text, channel_name, channel_config, created_at, notification
  from claimed
$$, $$
  values
    (1, 'email', 'mail', '{"to": ["a@b.test"]}'::jsonb, '2026-03-04 10:00Z'::timestamptz,
      '{"version": 1}'::jsonb),
    (1, 'webhook', 'hook', '{"url": "https://x.example/in", "headers": {"x-team": "ops"}}',
      '2026-03-04 10:00Z', '{"version": 1}')
$$, 'A claim says where to send and what.');
select bag_eq($$select channel_id, channel_secrets from claimed$$, $$
  select channel_id, case when kind = 'webhook' then
    array[tocsin_internal.read_secret(secret_id)] else '{}' end from tocsin.alert_channels
$$, 'A webhook comes with its secret, an email with none.');
select matches((select channel_secrets[1] from claimed where channel_kind = 'webhook'),
  '^whsec_[A-Za-z0-9+/]{43}=$', 'The secret is one of Standard Webhooks, of 32 bytes.');
select bag_eq($$select state::text, attempt_count, lease_until from tocsin.deliveries$$, $$
  values ('sending', 1, '2026-03-04 10:02Z'::timestamptz), ('sending', 1, '2026-03-04 10:02Z')
$$, 'What is claimed is under a lease, and its attempt is counted.');

select * from finish();
rollback;
