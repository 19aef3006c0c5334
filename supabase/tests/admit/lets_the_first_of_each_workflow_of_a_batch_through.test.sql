begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, project_id text, workflow_id text);
create table jobs (id int primary key, status text, project_id text, workflow_id text);
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('jobs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs values (1, 'failed', 'p', 'a'), (2, 'failed', 'p', 'b'), (3, 'failed', 'q', 'a'),
  (4, 'failed', 'p', 'a'), (5, 'failed', 'q', 'a');
insert into jobs values (6, 'failed', 'p', 'a');
select from tocsin_internal.tick();

select bag_eq($$
  select source_id, project_id, workflow_id, decision::text, count(*)::int from tocsin.alert_logs
  group by 1, 2, 3, 4
$$, $$
  values ('runs', 'p', 'a', 'notified', 1), ('runs', 'p', 'a', 'throttled', 1),
    ('runs', 'p', 'b', 'notified', 1), ('runs', 'q', 'a', 'notified', 1),
    ('runs', 'q', 'a', 'throttled', 1), ('jobs', 'p', 'a', 'notified', 1)
$$, 'Failures that come together are counted for each source, project and workflow apart.');

select * from finish();
rollback;
