begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

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
insert into tocsin.alert_channels (name, kind, url) values
  ('hook', 'webhook', 'https://x.example'), ('other', 'webhook', 'https://y.example');

select pg_temp.deliver('hook', '2026-03-04 09:00Z', 500);
select pg_temp.deliver('other', '2026-03-04 10:00Z', 3);

select results_eq($$
  select channel_name, count(*)::int
  from tocsin.claim_deliveries(10, p_now => '2026-03-04 10:00Z') group by 1 order by 1
$$, $$values ('hook', 7), ('other', 3)$$,
  'Five hundred older ones of another channel do not keep three from being sent.');
select is((select count(*)::int from tocsin.claim_deliveries(10, p_now => '2026-03-04 10:00Z')),
  10, 'A channel alone gets all the places.');

select * from finish();
rollback;
