begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed');
select from tocsin_internal.roll_up();
select from pgmq.send('tocsin_failures', (select message from pgmq.q_tocsin_failures));
select from tocsin_internal.tick();
select pgmq.send('tocsin_failures', jsonb_build_object('error_id', error_id,
  'source_id', 'runs', 'run_id', '1', 'failed_at', timestamp)) from tocsin.error_metrics;
select from tocsin_internal.tick();

select is((select count(*)::int from tocsin.error_metrics), 1,
  'A message that comes twice, in one batch or in two, is one failure event.');
select is((select count(*)::int from tocsin.alert_logs), 1, 'And decided once.');
select is_empty($$select msg_id from pgmq.q_tocsin_failures$$, 'All its copies are deleted.');

select * from finish();
rollback;
