begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

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
create function pg_temp.three(p_at timestamptz) returns void language plpgsql as $$
begin
  for i in 1..3 loop perform pg_temp.record('retry', p_at + i * interval '2 seconds', 1); end loop;
  perform pg_temp.record('delivered', p_at + interval '7 seconds', 1);
end $$;
select pg_temp.three('2026-03-04 10:00Z');
select pg_temp.three('2026-03-04 10:00:10Z');
select is((select state::text from tocsin.channel_states), 'closed', 'Six of eight are too few.');
select pg_temp.three('2026-03-04 10:00:20Z');
select results_eq($$
  select state::text, (select count(*)::int from tocsin.delivery_attempts)
  from tocsin.channel_states
$$, $$values ('open', 10)$$, 'At ten attempts, eight of which failed, it opens.');
select is(tocsin_internal.is_mostly_failing((select channel_id from tocsin.channel_states),
  '2026-03-04 10:06Z'), false, 'After five minutes this is forgotten.');

select * from finish();
rollback;
