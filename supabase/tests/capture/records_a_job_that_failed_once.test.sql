begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{"jobs": {"table": "public.jobs",
  "run_id": "run_id", "failed_at": "failed_at", "dead_at": "dead_at", "error": "error"}}');
insert into jobs values (1, null, null, null), (2, '2026-03-04 10:00Z', null, 'boom');
update jobs set error = 'working' where run_id = 1;
update jobs set failed_at = '2026-03-04 11:00Z' where run_id = 1;
update jobs set dead_at = '2026-03-04 12:00Z';
update jobs set error = 'bang';

select bag_eq($$
  select run_id, signal, outcome, sign::int, finished_at from tocsin_internal.run_outcomes
$$, $$
  values ('2', 'job', 'failed', 1, '2026-03-04 10:00Z'::timestamptz),
    ('1', 'job', 'failed', 1, '2026-03-04 11:00Z')
$$, 'A job tells of its failure when it first has one, not whenever it is touched.');

select * from finish();
rollback;
