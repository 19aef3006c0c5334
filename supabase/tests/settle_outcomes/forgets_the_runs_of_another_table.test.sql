begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table first (id int primary key, status text);
select from tocsin.watch_runs('first', p_options => '{"source_id": "same"}');
insert into first values (1, 'failed');
select from tocsin_internal.roll_up();
select tocsin.unwatch_runs('first');
create table second (id int primary key, status text);
insert into second values (1, 'failed');
select from tocsin.watch_runs('second', p_options => '{"source_id": "same"}');
update second set status = 'running';
select from tocsin_internal.roll_up();
select results_eq('select failure_count::int from tocsin.workflow_run_metrics', 'values (1)',
  'A table that takes over a name takes back nothing that another table counted under it.');

select * from finish();
rollback;
