begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

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
grant select on d to service_role;
create function pg_temp.attempt(p_at timestamptz, p_outcome text, p_status int) returns text
language plpgsql as $$
declare
  v_claim record;
begin
  perform tocsin_internal.queue_deliveries(p_at);
  select * into v_claim from tocsin.claim_deliveries(p_now => p_at);
  return v_claim.attempt || ' ' || tocsin.record_attempt(v_claim.delivery_id, v_claim.attempt,
    p_outcome, p_at, p_at + interval '1 second', p_at + interval '30 seconds', p_status,
    case when p_outcome <> 'delivered' then 'HTTP ' || p_status end, 'body', 'msg_' || p_status);
end
$$;

select is(pg_temp.attempt('2026-03-04 10:00:00Z', 'retry', 500), '1 pending',
  'A first attempt fails.');
select results_eq($$
  select next_attempt_at, lease_until, msg_id, last_error from tocsin.deliveries
$$, $$
  values ('2026-03-04 10:00:30Z'::timestamptz, null::timestamptz, null::bigint, 'HTTP 500')
$$, 'It waits for the time that the sender chose, without a lease or a message.');
select is_empty($$select * from pgmq.q_tocsin_deliveries$$, 'Its message is gone from the queue.');
select is(pg_temp.attempt('2026-03-04 10:00:30Z', 'retry', 500), '2 pending',
  'A second one as well.');
select is(pg_temp.attempt('2026-03-04 10:01:00Z', 'delivered', 200), '3 delivered',
  'The third one succeeds.');
select results_eq($$
  select attempt, outcome, started_at, finished_at, http_status, error, response, provider_id
  from tocsin.delivery_attempts join d on id = delivery_id order by attempt
$$, $$
  values
    (1, 'retry', '2026-03-04 10:00:00Z'::timestamptz, '2026-03-04 10:00:01Z'::timestamptz, 500,
      'HTTP 500', 'body', 'msg_500'),
    (2, 'retry', '2026-03-04 10:00:30Z', '2026-03-04 10:00:31Z', 500,
      'HTTP 500', 'body', 'msg_500'),
    (3, 'delivered', '2026-03-04 10:01:00Z', '2026-03-04 10:01:01Z', 200, null, 'body', 'msg_200')
$$, 'The log shows three attempts of the one delivery.');
select results_eq($$select state::text, delivered_at, last_error, msg_id from tocsin.deliveries$$,
  $$values ('delivered', '2026-03-04 10:01:01Z'::timestamptz, null::text, null::bigint)$$,
  'It is delivered, and what went wrong before is over.');
select is_empty($$select * from pgmq.q_tocsin_deliveries$$, 'Nothing of it stays queued,');
select is_empty($$select * from pgmq.a_tocsin_deliveries$$, 'and nothing is archived.');

select * from finish();
rollback;
