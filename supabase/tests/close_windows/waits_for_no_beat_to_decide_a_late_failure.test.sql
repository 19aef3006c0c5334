begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values (1, 'failed');
select from tocsin_internal.tick('2026-03-04 10:00Z');
-- the heart stood still past the window's end, and a failure comes before it closed
insert into runs values (2, 'failed');
select from tocsin_internal.roll_up(), tocsin_internal.claim_failures();
select from tocsin_internal.ingest('2026-03-04 10:30Z');

select is((select decision::text from tocsin.alert_logs where run_id = '2'), 'notified',
  'A window that is over holds nothing back, even before its own stage came to close it.');

select * from finish();
rollback;
