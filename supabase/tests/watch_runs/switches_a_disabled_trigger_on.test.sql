begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
alter table runs disable trigger tocsin_capture_runs;
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed');

select is((select count(*)::int from tocsin_internal.run_outcomes), 1,
  'Watching a table again switches its trigger back on.');

select * from finish();
rollback;
