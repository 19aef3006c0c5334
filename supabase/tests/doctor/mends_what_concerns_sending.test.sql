begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(19);

create function pg_temp.status(p_check text) returns text language sql as $$
  select status from tocsin.doctor() where check_name = p_check
$$;
select is(pg_temp.status('functions url'), 'fail', 'No address:');
select from tocsin.setup('http://127.0.0.1:1/functions/v1');
select is(pg_temp.status('functions url'), 'ok', 'set.');
select is(pg_temp.status('operator'), 'fail', 'No operator:');
select from tocsin.setup(null, 'ada@example.com');
select is(pg_temp.status('operator'), 'warn', 'invited;');
insert into auth.users (id, email, email_confirmed_at)
values ('00000000-0000-4000-8000-0000000000ff', 'ada@example.com', now());
select from tocsin_internal.tick();
select is(pg_temp.status('operator'), 'ok', 'there.');

drop extension pg_net cascade;
select is(pg_temp.status('extension pg_net'), 'fail', 'An extension is missing:');
create extension pg_net with schema extensions;
select from tocsin.setup();
select is(pg_temp.status('extension pg_net'), 'ok', 'enabled.');

select is(pg_temp.status('a table is watched'), 'warn', 'No table is watched:');
create table your_runs (id int primary key, status text);
select from tocsin.watch_runs('public.your_runs');
select is(pg_temp.status('a table is watched'), null, 'the hint watches one.');

select is(pg_temp.status('somebody is told'), 'warn', 'No setting is on:');
insert into tocsin.alert_settings (name) values ('all');
select is(pg_temp.status('somebody is told'), 'warn', 'it has no channel:');
insert into tocsin.alert_channels (name, kind, url) values ('hook', 'webhook', 'https://x.example');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
select is(pg_temp.status('somebody is told'), 'ok', 'it has one.');

insert into your_runs values (1, 'failed');
select from tocsin_internal.tick();
update tocsin.deliveries set next_attempt_at = now() - interval '2 minutes';
select is(pg_temp.status('deliveries are on time'), 'fail', 'One has waited for two minutes:');
create temp table claims as
  select * from tocsin.claim_deliveries(p_now => now() - interval '90 seconds');
select is(pg_temp.status('deliveries are on time'), 'ok', 'it is being sent.');
update tocsin.deliveries set state = 'dead', last_error = 'gone';
select is(pg_temp.status('no delivery was given up'), 'warn', 'It was given up:');
select tocsin.retry_delivery(delivery_id) from tocsin.deliveries;
select is((select count(*)::int from tocsin.deliveries where state = 'pending'), 1,
  'tocsin.retry_delivery() sends it again.');
update tocsin.deliveries set state = 'delivered';
select is(pg_temp.status('no delivery was given up'), 'ok', 'Then it is no longer told of.');

update tocsin.alert_channels set is_enabled = false;
insert into tocsin.channel_states (channel_id, disabled_at, disabled_reason)
select channel_id, now(), 'It answered 410.' from tocsin.alert_channels
on conflict (channel_id) do update set disabled_at = excluded.disabled_at,
  disabled_reason = excluded.disabled_reason;
select is(pg_temp.status('channels answer'), 'warn', 'Tocsin turned a channel off:');
update tocsin.alert_channels set is_enabled = true, url = 'https://y.example';
select is(pg_temp.status('channels answer'), 'ok', 'turned on, with another address.');

select * from finish();
rollback;
