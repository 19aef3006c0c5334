begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

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
select from tocsin_internal.queue_deliveries('2026-03-04 10:05Z');
select is(tocsin.record_attempt(id, 1, 'delivered', '2026-03-04 10:00Z', '2026-03-04 10:06Z'),
  'delivered', 'A success that is told after the lease was lost is still one.') from d;
select results_eq($$select outcome from tocsin.delivery_attempts$$, array['delivered'],
  'The attempt that was taken for lost is told as it was.');
select is((select count(*)::int from tocsin.claim_deliveries(p_now => '2026-03-04 10:07Z')), 0,
  'It is not sent again.');
select is(tocsin.record_attempt(id, 2, 'dead', now(), now()), 'stale',
  'What another attempt says after it changes nothing.') from d;
select is((select state::text from tocsin.deliveries), 'delivered', 'It stays delivered.');

select * from finish();
rollback;
