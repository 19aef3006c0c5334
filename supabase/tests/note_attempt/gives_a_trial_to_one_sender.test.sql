begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

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
insert into tocsin.alert_channels (name, kind, url) values
  ('hook', 'webhook', 'https://x.example'), ('other', 'webhook', 'https://y.example');

select pg_temp.deliver('hook', '2026-03-04 10:00Z', 30);
select pg_temp.record('retry', '2026-03-04 10:00Z', 5);
create temp table trial as select * from tocsin.claim_deliveries(p_now => '2026-03-04 10:01Z');

select is((select count(*)::int from trial), 1, 'One delivery is tried, by one sender;');
select is_empty($$select * from tocsin.claim_deliveries(p_now => '2026-03-04 10:02:59Z')$$,
  'no other gets one meanwhile.');
select tocsin.release_deliveries(array_agg(delivery_id), array_agg(attempt)) from trial;
select is((select count(*)::int from tocsin.claim_deliveries(p_now => '2026-03-04 10:02:59Z')), 1,
  'If the sender gives it back, the next may try,');
select is((select count(*)::int from tocsin.claim_deliveries(p_now => '2026-03-04 10:05Z')), 1,
  'and also if it never reports.');

select * from finish();
rollback;
