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
create function pg_temp.test(p_channel text) returns uuid language sql as $$
  select tocsin.send_test_alert(('c4a22e10-0000-4000-8000-00000000000' || p_channel)::uuid)
$$;
select pg_temp.become('f');
select throws_ok($$select pg_temp.test('a')$$, 'TC011', null, 'A viewer does not,');
select throws_ok($$
  select tocsin_internal.deliver_test('c4a22e10-0000-4000-8000-00000000000a', now())
$$, 'TC011', null, 'not by the back door either,');
reset role;
select pg_temp.become('0');
select throws_ok($$select pg_temp.test('a')$$, 'TC011', null, 'nor a stranger.');
reset role;
select pg_temp.become('e');
select lives_ok($$select pg_temp.test('a')$$, 'An editor does,');
select throws_ok($$select pg_temp.test('b')$$, 'TC011', null, 'but not through the operators''.');
reset role;
select pg_temp.become('d');
select lives_ok($$select pg_temp.test('b')$$, 'An operator does.');
reset role;
set local role anon;
select throws_ok($$select pg_temp.test('a')$$, '42501', null, 'Somebody not signed in does not.');
reset role;
set local role service_role;
select lives_ok($$select pg_temp.test('a')$$, 'The service may.');
reset role;

select * from finish();
rollback;
