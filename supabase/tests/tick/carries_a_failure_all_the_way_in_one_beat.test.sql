begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
select from tocsin.setup('https://x.example/functions/v1');
-- it has rung once by itself
delete from net.http_request_queue;
update tocsin_internal.installation set last_doorbell_id = null, last_doorbell_at = null;
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values (1, 'failed');
create temp table beat as select * from tocsin_internal.tick();

select results_eq($$select handled from beat where stage in ('roll_up', 'claim_failures', 'ingest',
  'queue_deliveries', 'ring_doorbell')$$, array[1, 1, 1, 1, 1]::bigint[],
  'One beat takes the outcome, tells the failure, queues its notification and rings.');
select is((select count(*)::int from net.http_request_queue), 1, 'The bell has rung once.');

select * from finish();
rollback;
