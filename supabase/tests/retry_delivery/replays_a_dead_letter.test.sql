begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

insert into tocsin.project_members (project_id, user_id, role) values
  ('shop', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('shop', '00000000-0000-4000-8000-00000000000f', 'viewer');
insert into tocsin.operators values ('00000000-0000-4000-8000-00000000000d');
insert into tocsin.alert_channels (channel_id, name, kind, url, project_id) values
  ('c4a22e10-0000-4000-8000-00000000000a', 'hook', 'webhook', 'https://x.example', 'shop'),
  ('c4a22e10-0000-4000-8000-00000000000b', 'ours', 'webhook', 'https://x.example', null);
create function pg_temp.become(p_user text) returns void language sql as $$
  select set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-00000000000' || p_user)::text, true),
    set_config('role', 'authenticated', true)
$$;
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
create function pg_temp.record(p_outcome text, p_at timestamptz, p_count int default 1000,
  p_hold interval default null, p_gone boolean default false)
returns bigint language sql as $$
  select count(tocsin.record_attempt(c.delivery_id, c.attempt, p_outcome, p_at, p_at,
    p_at + interval '1 second', p_error => 'it answered 500', p_hold_until => p_at + p_hold,
    p_is_gone => p_gone))
  from tocsin.claim_deliveries(p_count, p_now => p_at) c
$$;

select pg_temp.deliver('hook', '2026-03-04 10:00Z');
update tocsin.notifications set project_id = 'shop';
update tocsin.deliveries set project_id = 'shop', attempt_count = 9;
select pg_temp.record('dead', '2026-03-04 10:00Z');
create temp table dead as select delivery_id from tocsin.deliveries where state = 'dead';
grant select on dead to public;

select pg_temp.become('e');
select is(tocsin.retry_delivery((select delivery_id from dead), '2026-03-05 10:00Z')::text,
  'pending', 'A dead letter is due again.');
reset role;
select is_empty($$select * from pgmq.q_tocsin_deliveries_dlq$$, 'It is a dead letter no more.');
create temp table claimed as select * from tocsin.claim_deliveries(p_now => '2026-03-05 10:00Z');
select results_eq($$
  select c.delivery_id = d.delivery_id, attempt, earlier_attempts, created_at from claimed c, dead d
$$, $$values (true, 11, 10, '2026-03-05 10:00Z'::timestamptz)$$,
  'It goes under the same id, with a new row of attempts before it.');
select pg_temp.become('e');
select throws_ok($$select tocsin.retry_delivery(delivery_id) from dead$$, 'TC064', null,
  'While it is being sent there is nothing to retry.');
reset role;
select tocsin.record_attempt(delivery_id, attempt, 'delivered', now(), now()) from claimed;
select results_eq($$select attempt, outcome from tocsin.delivery_attempts order by 1$$,
  $$values (10, 'dead'), (11, 'delivered')$$, 'The attempts before stay.');
select pg_temp.become('e');
select throws_ok($$select tocsin.retry_delivery(delivery_id) from dead$$, 'TC064', null,
  'What has arrived is not sent again.');
reset role;
select pg_temp.deliver('hook', '2026-03-04 10:00Z');
update tocsin.deliveries set next_attempt_at = '2026-03-09 10:00Z' where state = 'pending';
select is(tocsin.retry_delivery(delivery_id, '2026-03-05 10:00Z')::text, 'pending',
  'What waits for its next attempt need not wait.')
from tocsin.deliveries where state = 'pending';
select is((select next_attempt_at from tocsin.deliveries where state = 'pending'),
  '2026-03-05 10:00Z', 'It is due now.');

select * from finish();
rollback;
