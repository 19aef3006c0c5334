begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text, started_at timestamptz,
  finished_at timestamptz);
create table timeless (id int primary key, status text);
insert into runs values (1, 'failed', now() - interval '1 day', null),
  (2, 'failed', null, 'infinity'), (3, 'failed', null, '1970-01-01'), (4, 'failed', null, null);
insert into timeless values (1, 'failed');
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('timeless');
update runs set status = 'running';
update timeless set status = 'running';
select is_empty('select * from tocsin.workflow_run_metrics where failure_count <> 0',
  'What ended before the watch, with no time or an odd one, takes nothing back when it is opened,');
select from tocsin_internal.roll_up();
select is_empty('select * from tocsin.workflow_run_metrics where failure_count <> 0',
  'nor when that is rolled up.');

update runs set status = 'failed', finished_at = null;
update timeless set status = 'failed';
select from tocsin_internal.roll_up();
update runs set status = 'running';
update timeless set status = 'running';
select from tocsin_internal.roll_up();
select is_empty('select * from tocsin.workflow_run_metrics where failure_count <> 0',
  'What was counted is taken back, with a time or without.');

select * from finish();
rollback;
