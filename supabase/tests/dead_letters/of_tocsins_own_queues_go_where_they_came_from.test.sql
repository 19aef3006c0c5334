begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels select setting_id, channel_id
  from tocsin.alert_settings, tocsin.alert_channels;
select from tocsin_internal.sample_queues(now());

-- a delivery that was given up
insert into runs values (1, 'failed');
select from tocsin_internal.tick();
select tocsin_internal.give_up_delivery(delivery_id, 'mail server gone') from tocsin.deliveries;
select is((select count(*) from tocsin.list_dead_letters('tocsin_deliveries')), 1::bigint,
  'A delivery that was given up is a dead letter of tocsin_deliveries.');
select is(tocsin.replay_dead_letters('tocsin_deliveries', array(select msg_id
  from tocsin.list_dead_letters('tocsin_deliveries'))), 1::bigint, 'Sent again');
select results_eq('select state::text from tocsin.deliveries', array['pending'],
  'it is due once more,');
select is((select count(*) from pgmq.q_tocsin_deliveries_dlq), 0::bigint,
  'and is a dead letter no more.');

-- a failure that could not be stored
insert into runs values (2, 'failed');
select from tocsin_internal.roll_up(now());
create temp table failure as select message from pgmq.q_tocsin_failures;
select from pgmq.send('tocsin_failures_dlq', (select message from failure)
  || '{"dead_letter_error": "no space left"}');
delete from pgmq.q_tocsin_failures;
select is((select error from tocsin.list_dead_letters('tocsin_failures')), 'no space left',
  'A failure that could not be stored says why.');
select is(tocsin.replay_dead_letters('tocsin_failures', array(select msg_id
  from tocsin.list_dead_letters('tocsin_failures'))), 1::bigint, 'Sent again');
select from tocsin_internal.tick();
select is((select count(*) from tocsin.error_metrics where run_id = '2'), 1::bigint,
  'it is stored after all.');

select * from finish();
rollback;
