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
select pg_temp.deliver('mail', '2026-03-04 10:00Z') from generate_series(1, 3);
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
create temp table claimed as select * from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z');

select is(tocsin.release_deliveries(array_agg(delivery_id), array_agg(attempt)), 3,
  'It says how many it gave back.') from claimed;
select results_eq($$
  select distinct state::text, attempt_count, lease_until from tocsin.deliveries
$$, $$values ('pending', 0, null::timestamptz)$$, 'They are as if nobody had claimed them.');
select results_eq($$
  select count(*)::int, max(attempt) from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z')
$$, $$values (3, 1)$$, 'The next sender gets them at once, as their first attempt.');

select * from finish();
rollback;
