begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', '2026-03-01 10:00Z');
delete from tocsin_internal.run_outcomes;
update runs set status = 'running', finished_at = null;

select results_eq($$
  select run_id, outcome, sign::int, finished_at from tocsin_internal.run_outcomes
$$, $$values ('1', 'failed', -1, '2026-03-01 10:00Z'::timestamptz)$$,
  'The outcome is taken back at the time at which it was counted, not at the new one.');

select * from finish();
rollback;
