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
create temp table d as select pg_temp.deliver('mail', '2026-03-04 10:00Z') as id;
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
select from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z');
select from tocsin_internal.queue_deliveries('2026-03-04 10:05Z');
select from tocsin.claim_deliveries(p_now => '2026-03-04 10:05Z');

select is(tocsin.record_attempt(id, 1, 'dead', now(), now(), p_error => 'too late'), 'stale',
  'The sender that lost its lease cannot give up what another one is sending.') from d;
select results_eq($$select state::text, attempt_count, last_error from tocsin.deliveries$$,
  $$values ('sending', 2, 'the sender never reported')$$, 'The second attempt goes on.');
select results_eq($$select attempt, outcome, error from tocsin.delivery_attempts$$,
  $$values (1, 'dead', 'too late')$$, 'What it said is in the log.');
select is(tocsin.record_attempt(id, 2, 'retry', now(), now(), now()), 'pending',
  'The second sender''s word counts.') from d;

select * from finish();
rollback;
