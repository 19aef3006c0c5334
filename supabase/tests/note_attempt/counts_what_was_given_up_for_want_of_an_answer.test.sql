begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

insert into tocsin.alert_channels (name, kind, url) values
  ('down', 'webhook', 'https://x.example'), ('picky', 'webhook', 'https://y.example');
create function pg_temp.give_up(p_channel text, p_status int) returns void language sql as $$
  with n as (
    insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
      decided_at)
    select gen_random_uuid(), '', 'w', 'first', '{"version": 1}', '2026-03-04 10:00Z'
    from generate_series(1, 5)
    returning notification_id
  )
  select from n, tocsin_internal.make_deliveries(n.notification_id, array(
    select channel_id from tocsin.alert_channels where name = p_channel), '2026-03-04 10:00Z');
  select from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z') c, tocsin.record_attempt(
    c.delivery_id, c.attempt, 'dead', '2026-03-04 10:00Z', '2026-03-04 10:00Z', null, p_status,
    'given up');
$$;
select pg_temp.give_up('down', null);
select pg_temp.give_up('picky', 400);
select is((
  select state::text from tocsin.channel_states join tocsin.alert_channels using (channel_id)
  where name = 'down'), 'open', 'Last attempts without an answer open the breaker.');
select is((select count(*)::int from tocsin.channel_states s join tocsin.alert_channels using
  (channel_id) where name = 'picky' and s.state <> 'closed'), 0,
  'Messages that were refused do not: somebody is there.');
select is((select count(*)::int from tocsin.deliveries where state = 'dead'), 10,
  'All are dead letters.');

select * from finish();
rollback;
