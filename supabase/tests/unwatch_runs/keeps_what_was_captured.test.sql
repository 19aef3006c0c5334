begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, error text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', 'boom');
select from tocsin_internal.tick();
insert into runs values (2, 'failed', 'bang');
select from tocsin.unwatch_runs('runs');
select from tocsin_internal.tick();

select bag_eq($$select run_id, message from tocsin.error_metrics$$,
  $$values ('1', 'boom'), ('2', null)$$,
  'What was told stays, and what was captured before is still told, without its text.');

select * from finish();
rollback;
