begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed');
alter table tocsin.alert_logs rename to alert_logs_away;
select from tocsin_internal.tick();

select is_empty($$select run_id from tocsin.error_metrics$$,
  'An event that cannot be decided is not stored without its decision.');
alter table tocsin.alert_logs_away rename to alert_logs;
update pgmq.q_tocsin_failures set vt = clock_timestamp();
select from tocsin_internal.tick();
select is((
  select count(*)::int from tocsin.error_metrics join tocsin.alert_logs on event_id = error_id),
  1, 'It is told when deciding works again.');

select * from finish();
rollback;
