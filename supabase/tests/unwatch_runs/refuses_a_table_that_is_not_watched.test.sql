begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select throws_ok($$select tocsin.unwatch_runs('runs')$$, 'TC009',
  'The table public.runs is not watched', 'A table that is not watched cannot be let go.');

select * from finish();
rollback;
