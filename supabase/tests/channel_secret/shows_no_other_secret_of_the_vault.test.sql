begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select vault.create_secret('of the host', 'host_key') as id
union all select id from vault.secrets where false;
set local role authenticated;
select throws_ok($$select from vault.decrypted_secrets$$, '42501', null,
  'Who is signed in does not read the vault.');
reset role;
create temp table host_key as select id from vault.secrets where name = 'host_key';
grant select on host_key to authenticated;
set local role authenticated;
select is(tocsin_internal.reveal_channel_secret(id), null,
  'And what shows the secrets of channels shows no other one.') from host_key;

select * from finish();
rollback;
