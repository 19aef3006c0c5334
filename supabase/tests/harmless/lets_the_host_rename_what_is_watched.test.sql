begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text, error text);
select from tocsin.watch_runs('runs');
alter table runs rename to task_runs;
create schema work;
alter table task_runs set schema work;
insert into work.task_runs values (1, 'failed', 'boom');
select from tocsin_internal.tick();

select results_eq($$select source_id, run_id from tocsin.error_metrics$$,
  $$values ('runs', '1')$$, 'A table that is renamed and moved is watched under its old source.');
select results_eq($$select status from tocsin.doctor() where check_name = 'watching runs'$$,
  array['fail'], 'That its failures have no text until it is watched again is a finding.');
select from tocsin.setup();
insert into work.task_runs values (2, 'failed', 'bang');
select from tocsin_internal.tick();
select is((select message from tocsin.error_metrics where run_id = '2'), 'bang',
  'setup() watches it again, with the text.');

select * from finish();
rollback;
