-- Where several tables can tell a failure, each change of a run's outcome nets out to its last one.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{"jobs": {"table": "public.jobs",
  "run_id": "run_id", "failed_at": "failed_at", "dead_at": "dead_at", "error": "error"}}');
insert into runs select n, 'running' from generate_series(1, 6) as n;
update runs set status = 'succeeded' where id = 1;
update runs set status = 'failed' where id = 1;
insert into jobs values (2, now());
update runs set status = 'canceled' where id = 2;
update runs set status = 'failed' where id = 2;
insert into jobs values (3, now());
update runs set status = 'failed' where id = 3;
update runs set status = 'running' where id = 3;
update runs set status = 'failed' where id = 4;
update runs set status = 'succeeded' where id = 4;
insert into jobs values (5, now()), (5, now());
update runs set status = 'succeeded' where id = 6;
update runs set status = 'running' where id = 6;

select bag_eq($$
  select run_id, outcome, sum(sign)::int from tocsin_internal.pending_outcomes
  group by run_id, outcome having sum(sign) <> 0
$$, $$
  values ('1', 'failed', 1), ('2', 'failed', 1), ('4', 'succeeded', 1), ('5', 'failed', 1)
$$, 'What is left of each run is what it came to last.');

select * from finish();
rollback;
