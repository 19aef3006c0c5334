begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

insert into tocsin.alert_channels (channel_id, name, kind, url)
values ('c4a22e10-0000-4000-8000-00000000000a', 'team', 'slack',
  'https://hooks.slack.com/services/T1/B1/verysecretq4xz');
create function pg_temp.kept() returns text language sql as $$
  select tocsin_internal.read_secret(secret_id) from tocsin.alert_channels where name = 'team'
$$;
select is((select url from tocsin.alert_channels), 'https://hooks.slack.com/…q4xz',
  'The row shows the end of the address only.');
select is(pg_temp.kept(), 'https://hooks.slack.com/services/T1/B1/verysecretq4xz',
  'Vault has all of it.');
update tocsin.alert_channels set is_enabled = false, url = url;
select is(pg_temp.kept(), 'https://hooks.slack.com/services/T1/B1/verysecretq4xz',
  'Saving the row as it is shown changes nothing.');
update tocsin.alert_channels set url = 'https://hooks.slack.com/services/T1/B1/another0000';
select is(pg_temp.kept(), 'https://hooks.slack.com/services/T1/B1/another0000',
  'A new address takes its place.');
select throws_ok($$
  update tocsin.alert_channels set url = 'https://hooks.slack.com/…9999'
$$, 'TC060', null, 'A masked one is refused,');
select throws_ok($$
  insert into tocsin.alert_channels (name, kind, url) values ('x', 'slack', 'hooks.slack.com/a')
$$, 'TC060', null, 'and what is no address.');
insert into tocsin.alert_channels (channel_id, name, kind, url)
values ('c4a22e10-0000-4000-8000-00000000000a', 'x', 'slack', 'https://evil.example/steal')
on conflict (channel_id) do nothing;
select is(pg_temp.kept(), 'https://hooks.slack.com/services/T1/B1/another0000',
  'An insert under the id of another one does not reach its address.');
select from tocsin_internal.prune_channel_secrets(clock_timestamp() + interval '2 hours', 100);
select is((select count(*)::int from vault.secrets where name like 'tocsin\_channel\_%'), 1,
  'What that left behind goes with the upkeep.');
delete from tocsin.alert_channels;
select is((select count(*)::int from vault.secrets where name like 'tocsin\_channel\_%'), 0,
  'The address goes with its channel.');

select * from finish();
rollback;
