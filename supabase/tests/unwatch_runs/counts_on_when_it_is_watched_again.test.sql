begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', clock_timestamp());
create temp table since as
  select watched_since from tocsin_internal.counted_ranges where source_id = 'runs';
select from tocsin.watch_runs('runs', p_options => '{"finished_at": "finished_at"}');
select results_eq('select watched_since from tocsin_internal.counted_ranges',
  'select watched_since from since', 'To change a watch is not to begin it anew.');

select from tocsin_internal.roll_up();
select from tocsin.unwatch_runs('runs');
insert into runs values (2, 'failed', clock_timestamp());
select from tocsin.watch_runs('runs');
update runs set status = 'running', finished_at = null where id = 1;
select results_eq('select failure_count::int from tocsin.workflow_run_metrics', 'values (0)',
  'A run of the first watch is taken back in the second,');
insert into runs values (3, 'failed', clock_timestamp());
update runs set status = 'running', finished_at = null where id = 2;
select from tocsin_internal.roll_up();
select results_eq('select failure_count::int from tocsin.workflow_run_metrics', 'values (1)',
  'and one that ended in between is not.');

select * from finish();
rollback;
