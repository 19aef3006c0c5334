begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text, finished_at timestamptz);
insert into runs values (1, 'failed', now() - interval '1 day'), (2, 'running', null);
select from tocsin.watch_runs('runs');

update runs set status = 'running', finished_at = null where id = 1;
select is_empty('select * from tocsin.workflow_run_metrics where failure_count <> 0',
  'A run that failed before the watch and is re-opened takes nothing back, pending');
select from tocsin_internal.roll_up();
select is_empty('select * from tocsin.workflow_run_metrics where failure_count <> 0',
  'or rolled up.');

update runs set status = 'failed', finished_at = now() - interval '1 day' where id = 2;
select from tocsin_internal.roll_up();
update runs set status = 'running', finished_at = null where id = 2;
select from tocsin_internal.roll_up();
select is_empty('select * from tocsin.workflow_run_metrics where failure_count <> 0',
  'A run that was captured with an older time was counted, and is taken back.');

select * from finish();
rollback;
