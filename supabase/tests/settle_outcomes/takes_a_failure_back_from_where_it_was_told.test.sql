begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, flow text default 'a', status text default 'running',
  finished_at timestamptz);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{"workflow_id": "flow", "jobs": {"table":
  "public.jobs", "run_id": "run_id", "failed_at": "failed_at", "dead_at": "dead_at",
  "error": "error"}}');
insert into runs (id) values (1), (2);
insert into jobs values (1, clock_timestamp() - interval '2 days');
select from tocsin_internal.roll_up();
update runs set flow = 'b', status = 'succeeded', finished_at = clock_timestamp() where id = 1;
select results_eq($$select workflow_id, success_count::int, failure_count::int
  from tocsin.workflow_run_metrics order by workflow_id$$,
  $$values ('a', 0, 0), ('b', 1, 0)$$, 'It leaves the workflow that it was told for,');
select from tocsin_internal.roll_up();
select is_empty($$select * from tocsin_internal.run_buckets
  where least(failed_count, duration_count) < 0$$, 'and the minute that it was told for.');

update runs set status = 'failed', finished_at = clock_timestamp() where id = 2;
select from tocsin_internal.roll_up();
select tocsin_internal.maintain(now() + interval '36 days');
update runs set status = 'running' where id = 2;
select from tocsin_internal.roll_up();
select results_eq($$select sum(failure_count)::int from tocsin.workflow_run_metrics$$,
  'values (0)', 'A run that is opened again when that is long forgotten tells it by its time.');

select * from finish();
rollback;
