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

select pg_temp.deliver('hook', '2026-03-04 10:00Z');
select from tocsin_internal.queue_deliveries('2026-03-06 10:00Z');
select is((select state::text from tocsin.deliveries), 'pending', 'For two days it waits.');
select from tocsin_internal.queue_deliveries('2026-03-06 10:01Z');
select results_eq($$select state::text, last_error from tocsin.deliveries$$,
  $$values ('dead', 'it waited for two days and could not be sent')$$,
  'Nobody wants to hear of it after that, but it can be replayed.');

select * from finish();
rollback;
