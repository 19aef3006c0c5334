begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs select n, 'running' from generate_series(1, 1000) as n;
update runs set status = case when id % 2 = 0 then 'failed' else 'succeeded' end;

select results_eq($$
  select outcome, count(*)::int, count(distinct run_id)::int from tocsin_internal.run_outcomes
  group by outcome order by outcome
$$, $$values ('failed', 500, 500), ('succeeded', 500, 500)$$,
  'One statement that ends a thousand runs is a thousand outcomes.');

select * from finish();
rollback;
