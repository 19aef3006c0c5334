begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('goes'), ('rests');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values (1, 'failed'), (2, 'failed');
select from tocsin_internal.tick('2026-03-04 10:00Z');
delete from tocsin.alert_settings where name = 'goes';
update tocsin.alert_settings set is_enabled = false;
select from tocsin_internal.tick('2026-03-04 10:05Z');

select is_empty($$select * from tocsin_internal.stage_faults$$,
  'That a setting is gone while its window holds something is no fault.');
select is((select count(*)::int from tocsin.notifications where purpose = 'summary'), 2,
  'What was held back has its summary on record, whether the setting is deleted or off.');
select is((select count(*)::int from tocsin.deliveries), 2, 'But nobody is told any more.');
select is_empty($$select * from tocsin_internal.throttle_windows where closed_at is null$$,
  'No window is left open.');

select * from finish();
rollback;
