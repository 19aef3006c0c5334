begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

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
create function pg_temp.secrets(p_now timestamptz) returns text[] language sql as $$
  select tocsin_internal.signing_secrets(c, p_now) from tocsin.alert_channels c where name = 'hook'
$$;
create temp table before as select tocsin_internal.read_secret(secret_id) as secret
from tocsin.alert_channels where name = 'hook';

select pg_temp.become('e');
create temp table after as select tocsin.rotate_channel_secret(
  'c4a22e10-0000-4000-8000-00000000000a', '1 hour', '2026-03-04 10:00Z') as secret;
reset role;
select matches((select secret from after), '^whsec_[A-Za-z0-9+/]{43}=$', 'There is a new one.');
select is(pg_temp.secrets('2026-03-04 10:59Z'), (select array[a.secret, b.secret]
  from before b, after a), 'For an hour both sign, the new one first;');
select is(pg_temp.secrets('2026-03-04 11:00Z'), (select array[secret] from after),
  'then the new one alone.');
select from tocsin_internal.prune_channel_secrets(clock_timestamp() + interval '2 hours', 100);
select is((select count(*)::int from vault.secrets where name like 'tocsin\_channel\_%'), 2,
  'The old one is dropped.');

select pg_temp.become('f');
select throws_ok($$select tocsin.rotate_channel_secret('c4a22e10-0000-4000-8000-00000000000a')$$,
  'TC011', null, 'A viewer does not rotate.');
select pg_temp.become('e');
select throws_ok($$
  select tocsin.rotate_channel_secret('c4a22e10-0000-4000-8000-00000000000a', '1 month')
$$, 'TC062', null, 'An old secret does not sign for a month.');
insert into tocsin.alert_channels (channel_id, name, kind, recipients, project_id)
values ('c4a22e10-0000-4000-8000-00000000000c', 'mail', 'email', '{a@b.test}', 'shop');
select throws_ok($$select tocsin.rotate_channel_secret('c4a22e10-0000-4000-8000-00000000000c')$$,
  'TC061', null, 'Emails are not signed.');
reset role;

select * from finish();
rollback;
