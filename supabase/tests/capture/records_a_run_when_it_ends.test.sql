begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'running', null);
select is_empty($$select from tocsin_internal.run_outcomes$$, 'A run that starts is no outcome.');
update runs set status = 'succeeded', finished_at = '2026-03-01 10:05Z' where id = 1;

select results_eq($$
  select run_id, outcome, sign::int, finished_at from tocsin_internal.run_outcomes
$$, $$values ('1', 'succeeded', 1, '2026-03-01 10:05Z'::timestamptz)$$,
  'The update that ends the run is one outcome.');

select * from finish();
rollback;
