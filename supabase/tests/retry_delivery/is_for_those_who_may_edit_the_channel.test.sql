begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

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

select pg_temp.deliver('hook', '2026-03-04 10:00Z');
select pg_temp.deliver('ours', '2026-03-04 10:00Z');
update tocsin.notifications set project_id = 'shop';
update tocsin.deliveries set project_id = 'shop', state = 'dead';
create temp table dead as select channel_name, delivery_id from tocsin.deliveries;
grant select on dead to public;
create function pg_temp.retry(p_channel text) returns tocsin.delivery_state language sql as $$
  select tocsin.retry_delivery((select delivery_id from dead where channel_name = p_channel))
$$;

select pg_temp.become('f');
select throws_ok($$select pg_temp.retry('hook')$$, 'TC011', null, 'A viewer does not,');
select throws_ok($$
  select tocsin_internal.replay_delivery(delivery_id, 'c4a22e10-0000-4000-8000-00000000000a', now())
  from dead
$$, 'TC011', null, 'not by the back door either.');
reset role;
select pg_temp.become('0');
select throws_ok($$select pg_temp.retry('hook')$$, 'TC063', null, 'A stranger sees no delivery.');
reset role;
select pg_temp.become('e');
select throws_ok($$select pg_temp.retry('ours')$$, 'TC011', null,
  'An editor sends nothing through the operators'' channel,');
select is(pg_temp.retry('hook')::text, 'pending', 'but through the project''s.');
reset role;
select pg_temp.become('d');
select is(pg_temp.retry('ours')::text, 'pending', 'An operator does.');
reset role;

select * from finish();
rollback;
