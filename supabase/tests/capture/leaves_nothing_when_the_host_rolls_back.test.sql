begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed');
savepoint before_the_error;
insert into runs values (2, 'failed');
update runs set status = 'succeeded' where id = 1;
rollback to before_the_error;

select results_eq($$select run_id, outcome, sign::int from tocsin_internal.run_outcomes$$,
  $$values ('1', 'failed', 1)$$, 'What the host takes back was never captured.');

select * from finish();
rollback;
