begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name, throttle_window) values ('all', '0');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs select n, 'failed' from generate_series(1, 5) as n;
select from tocsin_internal.tick();

select is((select count(*)::int from tocsin.alert_logs where decision = 'notified'), 5,
  'Each failure is told.');
select is((select count(*)::int from tocsin.deliveries), 5, 'Each in a message of its own.');
select is_empty($$select * from tocsin_internal.throttle_windows$$, 'There is no window.');

select * from finish();
rollback;
