begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, error text);
select from tocsin.watch_runs('runs');
insert into runs values
  (1, 'succeeded'), (2, 'Failed'), (3, 'TIMEOUT'), (4, 'cancelled'), (5, 'busy'), (6, 'failish');

select results_eq($$
  select run_id, outcome from tocsin_internal.run_outcomes order by run_id
$$, $$values ('1', 'succeeded'), ('2', 'failed'), ('3', 'timed_out'), ('4', 'canceled')$$,
  'In a free text the common words are known in three spellings; any other means still open.');

select * from finish();
rollback;
