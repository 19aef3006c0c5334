begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table runs (id int primary key, status text);
create view runs_view as select * from runs;
create materialized view runs_copy as select * from runs;
create temp table runs_temp (id int primary key, status text);
create sequence runs_seq;

select throws_ok($$select tocsin.watch_runs('runs_view')$$, 'TC001', null, 'A view.');
select throws_ok($$select tocsin.watch_runs('runs_copy')$$, 'TC001', null, 'A materialized view.');
select throws_ok($$select tocsin.watch_runs('runs_temp')$$, 'TC001', null, 'A temporary table.');
select throws_ok($$select tocsin.watch_runs('runs_seq')$$, 'TC001', null, 'A sequence.');
select throws_ok($$select tocsin.watch_runs('tocsin.deliveries')$$, 'TC001', null,
  'A table of its own.');
select throws_ok($$select tocsin.watch_runs(null)$$, 'TC001', null, 'Nothing at all.');

select * from finish();
rollback;
