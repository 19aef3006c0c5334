begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, status text, workflow_id text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs select n, 'failed', 'sync' from generate_series(1, 2000) as n;
select from tocsin_internal.tick('2026-03-04 10:00:00Z');
select is((select count(*)::int from tocsin.deliveries), 1, 'The first of 2,000 is told at once.');
select from tocsin_internal.tick('2026-03-04 10:04:55Z');
select is((select count(*)::int from tocsin.deliveries), 1, 'Nothing more in the window.');
select from tocsin_internal.tick('2026-03-04 10:05:00Z');

select results_eq($$
  select purpose, (content #>> '{held_back,count}')::int from tocsin.notifications
  order by decided_at
$$, $$values ('first', null), ('summary', 1999)$$, 'At its end one summary tells the others.');
select from tocsin_internal.tick('2026-03-04 11:00:00Z');
select is((select count(*)::int from tocsin.deliveries), 2, 'And that is all.');
select is((select count(*)::int from tocsin.alert_logs), 2000, 'Each failure has its decision.');

select * from finish();
rollback;
