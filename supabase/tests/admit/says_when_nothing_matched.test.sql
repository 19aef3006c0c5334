begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text, project_id text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_settings (name, project_id, is_enabled) values
  ('another project', 'b', true), ('switched off', 'a', false);
insert into runs values (1, 'failed', 'a');
select from tocsin_internal.tick();

select results_eq($$
  select decision::text, setting_id, run_id, project_id, notification_id, reason
  from tocsin.alert_logs
$$, $$
  values ('unmatched', null::uuid, '1', 'a', null::uuid,
    'No setting that is on wants failed runs of this workflow.')
$$, 'A failure that nobody wanted to hear of has one row that says so.');
select is_empty($$select * from tocsin.notifications$$, 'Nobody is notified.');

select * from finish();
rollback;
