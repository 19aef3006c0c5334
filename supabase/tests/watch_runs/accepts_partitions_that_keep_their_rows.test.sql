begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int, run_status_id int, status text, created_at timestamptz)
  partition by range (created_at);
create table runs_past partition of runs for values from (minvalue) to ('2026-01-01');
select from tocsin.watch_runs('runs');
create table runs_now partition of runs for values from ('2026-01-01') to (maxvalue);
insert into runs values (1, 1, 'running', '2025-12-31'), (2, 1, 'failed', '2026-01-02');
update runs set status = 'failed' where id = 1;

select bag_eq($$select run_id from tocsin_internal.run_outcomes$$, array['1', '2'],
  'Runs are captured in partitions that were there and in those made later.');

select * from finish();
rollback;
