begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

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

insert into tocsin.alert_channels (name, kind, url, project_id)
values ('theirs', 'webhook', 'https://z.example', 'shop');
select pg_temp.deliver('hook', '2026-03-04 10:00Z', 3);
select pg_temp.record('dead', '2026-03-04 10:00Z', 1, p_gone => true);

select results_eq($$select name from tocsin.alert_channels where not is_enabled$$, array['hook'],
  'A receiver that wants no more gets no more.');
select results_eq($$select disabled_at, disabled_reason from tocsin.channel_states$$,
  $$values ('2026-03-04 10:00Z'::timestamptz, 'Its receiver wants no more: it answered 500')$$,
  'It is written down why.');
select results_eq($$
  select d.channel_name, n.content ->> 'kind', n.content ->> 'title'
  from tocsin.deliveries d join tocsin.notifications n using (notification_id)
  where n.setting_id is null
$$, $$values ('other', 'channel_disabled', 'The webhook channel "hook" was turned off')$$,
  'The operators'' other channels are told, and no other project''s.');
select from tocsin_internal.queue_deliveries('2026-03-04 10:01Z');
select is((select count(*)::int from tocsin.deliveries where state = 'dead'), 3,
  'What waited for it is among the dead letters.');
update tocsin.alert_channels set is_enabled = true where name = 'hook';
select is_empty($$
  select from tocsin.channel_states join tocsin.alert_channels using (channel_id)
  where name = 'hook'
$$, 'Turned on again, it begins anew.');
select is((select count(*)::int from tocsin.notifications where setting_id is null), 1,
  'It was told once.');

select * from finish();
rollback;
