begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(10);

insert into tocsin.alert_channels (channel_id, name, kind, recipients) values
  ('c4a22e10-0000-4000-8000-00000000000a', 'mail', 'email', '{a@x.example,b@x.example}'),
  ('c4a22e10-0000-4000-8000-00000000000b', 'other', 'email', '{o@x.example}');
with n as (
  insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
    decided_at)
  values (gen_random_uuid(), '', 'w', 'first', '{"version": 1}', '2026-03-04 10:00Z')
  returning notification_id
)
select from n, tocsin_internal.make_deliveries(n.notification_id,
  array['c4a22e10-0000-4000-8000-00000000000a'::uuid], '2026-03-04 10:00Z');

create temp table claimed as select * from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z');
select bag_eq($$select channel_config -> 'to' from claimed$$,
  $$values ('["a@x.example"]'::jsonb), ('["b@x.example"]')$$, 'Each address has its own email');
select is((select count(distinct channel_config ->> 'unsubscribe_token')::int from claimed), 2,
  'with a token of its own.');
create function pg_temp.token(p_address text) returns text language sql as $$
  select channel_config ->> 'unsubscribe_token' from claimed
  where channel_config -> 'to' ->> 0 = p_address
$$;
select is(tocsin.unsubscribe('nonsense'), false, 'What is no token does nothing.');
select is(tocsin.unsubscribe(pg_temp.token('a@x.example')), true, 'One button is pressed');
select is((select recipients from tocsin.alert_channels where name = 'mail'),
  '{b@x.example}'::text[], 'and that address is out.');
select is(tocsin.unsubscribe(pg_temp.token('a@x.example')), true, 'Pressed again, it is still so.');

select tocsin.record_attempt(delivery_id, attempt, 'retry', '2026-03-04 10:00Z',
  '2026-03-04 10:00Z', '2026-03-04 10:01Z') from claimed;
select is((select count(*)::int from tocsin.claim_deliveries(p_now => '2026-03-04 10:01Z')), 1,
  'What waits for the address is not sent any more,');
select tocsin_internal.queue_deliveries('2026-03-04 10:01Z');
select is((select state::text from tocsin.deliveries where recipient = 'a…@x.example'), 'dead',
  'but given up.');
select throws_ok(format('select tocsin.retry_delivery(%L)', (
  select delivery_id from tocsin.deliveries where recipient = 'a…@x.example')), 'TC068', null,
  'Nobody sends it again by retrying.');

select tocsin.unsubscribe(pg_temp.token('b@x.example'), '2026-03-04 10:02Z');
select results_eq($$
  select c.is_enabled, s.disabled_reason, exists (
    select from tocsin.deliveries d where d.recipient = 'o…@x.example')
  from tocsin.alert_channels c join tocsin.channel_states s using (channel_id)
  where c.name = 'mail'
$$, $$values (false, 'Its only recipient has unsubscribed.', true)$$,
  'The last one turns the channel off, and the others hear of it.');

select * from finish();
rollback;
