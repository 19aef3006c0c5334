begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
create table jobs (id int primary key, status text);
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('jobs');
alter table runs drop column status;
drop trigger tocsin_capture_jobs on jobs;
set local client_min_messages = error;
select from tocsin.setup();

select is((select count(*)::int from pg_trigger where tgrelid = 'jobs'::regclass), 1,
  'A table that changed does not keep the others from being watched again.');

select * from finish();
rollback;
