begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text, finished_at timestamptz);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{"jobs": {"table": "public.jobs",
  "run_id": "run_id", "failed_at": "failed_at", "dead_at": "dead_at", "error": "error"}}');
insert into runs values (1, 'succeeded', clock_timestamp()), (2, 'failed', clock_timestamp());
insert into jobs values (1, clock_timestamp()), (1, clock_timestamp()), (2, clock_timestamp());
select results_eq('select success_count::int, failure_count::int from tocsin.workflow_run_metrics',
  'values (1, 1)', 'A job that fails after its run succeeded counts nothing,');
select from tocsin_internal.roll_up();
select results_eq('select success_count::int, failure_count::int from tocsin.workflow_run_metrics',
  'values (1, 1)', 'rolled up as well,');
select bag_eq($$select message ->> 'run_id' from pgmq.q_tocsin_failures$$, array['1', '2'],
  'and is told, once.');

select * from finish();
rollback;
