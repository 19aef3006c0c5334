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
select pg_temp.deliver('mail', '2026-03-04 10:00Z');
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
create temp table first as
select * from tocsin.claim_deliveries(p_lease_seconds => 120, p_now => '2026-03-04 10:00Z');
select is(tocsin_internal.queue_deliveries('2026-03-04 10:01:59Z'), 0::bigint,
  'While its lease runs, an attempt is left alone.');
select is(tocsin_internal.queue_deliveries('2026-03-04 10:02:01Z'), 1::bigint,
  'When the lease is over it is due again.');
create temp table second as
select * from tocsin.claim_deliveries(p_now => '2026-03-04 10:02:01Z');

select results_eq($$select delivery_id, attempt from second$$,
  $$select delivery_id, 2 from first$$, 'It is sent again under the same id, as the next attempt.');
select results_eq($$select attempt, outcome, error from tocsin.delivery_attempts$$,
  $$values (1, 'lost', 'the sender never reported')$$, 'The log shows that the first was lost.');

select * from finish();
rollback;
