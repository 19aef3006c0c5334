begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text, project_id int, error text);
create table jobs (id int primary key, status text, error text);
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('jobs');
insert into runs values (1, 'failed', 4, 'boom');
insert into jobs values (2, 'failed', 'bang');
alter table runs drop column error;
select from tocsin_internal.tick();

select bag_eq($$select source_id, run_id, project_id, message from tocsin.error_metrics$$,
  $$values ('runs', '1', '4', null), ('jobs', '2', '', 'bang')$$,
  'A failure of a table that changed counts, without its text; other sources have theirs.');
select results_eq($$select stage, error_code, detail from tocsin_internal.stage_faults$$,
  $$values ('look_up_runs', '42703', 'runs')$$, 'A fault says what could not be asked.');

select * from finish();
rollback;
