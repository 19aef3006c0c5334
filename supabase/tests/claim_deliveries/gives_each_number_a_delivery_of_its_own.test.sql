begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create function pg_temp.deliver(p_channel text, p_due timestamptz, p_count int default 1)
returns void
language sql as $$
  with n as (
    insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
      decided_at)
    select gen_random_uuid(), '', 'w', 'first', '{"version": 1}', p_due
    from generate_series(1, p_count)
    returning notification_id
  )
  select from n, tocsin_internal.make_deliveries(n.notification_id, array(
    select channel_id from tocsin.alert_channels where name = p_channel), p_due)
$$;
insert into tocsin.alert_channels (name, kind, recipients)
values ('phones', 'sms', '{+4915112345678,+14155550100}');
select pg_temp.deliver('phones', '2026-03-04 10:00Z');

select bag_eq($$
  select channel_config from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z')
$$, $$values ('{"to": ["+4915112345678"]}'::jsonb), ('{"to": ["+14155550100"]}')$$,
  'What fails for one number is not sent again to the others.');
select is((select count(distinct notification_id)::int from tocsin.deliveries), 1,
  'It is one notification.');

select * from finish();
rollback;
