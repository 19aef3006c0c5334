begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values (1, 'failed');
select from tocsin_internal.tick('2026-03-04 10:00Z');
select from tocsin_internal.tick('2026-03-04 10:05Z');
select is((select count(*)::int from tocsin.notifications), 1,
  'A window that held nothing back ends without a word.');
insert into runs values (2, 'failed');
select from tocsin_internal.tick('2026-03-04 10:06Z');
select is((select decision::text from tocsin.alert_logs where run_id = '2'), 'notified',
  'The next failure is told at once.');

select * from finish();
rollback;
