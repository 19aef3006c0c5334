begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

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
select pg_temp.record('retry', '2026-03-04 10:00Z', 4);
select is((select state::text from tocsin.channel_states), 'closed', 'Four may fail.');
select pg_temp.record('retry', '2026-03-04 10:00Z', 1);
select results_eq($$select state::text, retry_at, last_error from tocsin.channel_states$$,
  $$values ('open', '2026-03-04 10:01Z'::timestamptz, 'it answered 500')$$,
  'The fifth opens it for a minute.');
select is(pg_temp.record('delivered', '2026-03-04 10:00:59Z'), 0::bigint,
  'Until then nothing is sent there,');
select is(pg_temp.record('retry', '2026-03-04 10:01Z'), 1::bigint, 'then one is tried.');
select results_eq($$select state::text, retry_at from tocsin.channel_states$$,
  $$values ('open', '2026-03-04 10:03Z'::timestamptz)$$, 'It fails: two minutes.');
select is((select max(attempt_count) from tocsin.deliveries), 1,
  'What waits meanwhile uses up no attempts.');
select is(pg_temp.record('delivered', '2026-03-04 10:03Z'), 1::bigint, 'One more is tried.');
select is(pg_temp.record('delivered', '2026-03-04 10:03:01Z'), 29::bigint,
  'It arrives, so that all the others go.');

select * from finish();
rollback;
