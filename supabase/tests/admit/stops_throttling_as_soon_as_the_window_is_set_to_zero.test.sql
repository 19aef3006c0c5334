begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name, throttle_window) values ('all', '1 day');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values (1, 'failed');
select from tocsin_internal.tick();
update tocsin.alert_settings set throttle_window = '0';
insert into runs values (2, 'failed'), (3, 'failed');
select from tocsin_internal.tick();

select results_eq($$select distinct decision::text from tocsin.alert_logs$$, array['notified'],
  'A window that is still open holds nothing back any more.');

select * from finish();
rollback;
