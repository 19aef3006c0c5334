begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_channels (name, kind, recipients, url) values
  ('mail', 'email', '{a@b.example}', null), ('hook', 'webhook', '{}', 'https://x.example/');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values (1, 'failed');
select from tocsin_internal.tick('2026-03-04 10:00Z');

select bag_eq($$
  select d.channel_name, d.channel_kind::text, d.state::text, d.next_attempt_at, n.purpose
  from tocsin.deliveries d join tocsin.notifications n using (notification_id)
  join tocsin.alert_logs using (notification_id)
$$, $$
  values ('mail', 'email', 'pending', '2026-03-04 10:00Z'::timestamptz, 'first'),
    ('hook', 'webhook', 'pending', '2026-03-04 10:00Z', 'first')
$$, 'The one notification goes to every channel of the setting, due at once.');
select is((select count(*)::int from tocsin.notifications), 1, 'It is one notification.');

select * from finish();
rollback;
