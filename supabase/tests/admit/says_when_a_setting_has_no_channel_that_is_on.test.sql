begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_settings (name) values ('none'), ('off'), ('on');
insert into tocsin.alert_channels (name, kind, recipients, is_enabled) values
  ('off', 'email', '{a@b.example}', false), ('on', 'email', '{a@b.example}', true);
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings join tocsin.alert_channels using (name)
union all
select setting_id, channel_id from tocsin.alert_settings s join tocsin.alert_channels c
  on s.name = 'on' and c.name = 'off';
insert into runs values (1, 'failed'), (2, 'failed');
select from tocsin_internal.tick();

select bag_eq($$
  select setting_name, decision::text, count(*)::int from tocsin.alert_logs group by 1, 2
$$, $$
  values ('none', 'no_channel', 2), ('off', 'no_channel', 2), ('on', 'notified', 1),
    ('on', 'throttled', 1)
$$, 'Without a channel that is on nothing is sent, and the log says why.');
select bag_eq($$select channel_name from tocsin.deliveries$$, array['on'],
  'A channel that is off gets nothing, also when another one of the setting is on.');
select is_empty($$
  select from tocsin_internal.throttle_windows w join tocsin.alert_settings s using (setting_id)
  where s.name <> 'on'
$$, 'What cannot be told is not counted against the throttle.');

select * from finish();
rollback;
