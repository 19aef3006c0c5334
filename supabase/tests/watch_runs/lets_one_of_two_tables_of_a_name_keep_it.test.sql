begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create schema sales;
create table runs (id int primary key, status text);
create table sales.runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('sales.runs');
insert into sales.runs values (1, 'failed');

select bag_eq($$select source_id from tocsin.run_sources$$, array['runs', 'sales_runs'],
  'Two tables of one name are two sources.');
select is((select source_id from tocsin_internal.run_outcomes), 'sales_runs',
  'Each captures under its own.');

select * from finish();
rollback;
