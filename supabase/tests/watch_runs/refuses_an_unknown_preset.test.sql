begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);

select throws_ok($$select tocsin.watch_runs('runs', 'mashhook')$$,
  'TC007', 'watch_runs() knows no preset "mashhook"', 'A preset that there is not.');

select * from finish();
rollback;
