begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text, started boolean, finished boolean,
  created_at timestamptz);
select from tocsin.watch_runs('runs');

select is((select mapping ->> 'finished_at' from tocsin.run_sources), null,
  'A flag called finished is not taken for the time at which a run finished.');
select is((select mapping ->> 'started_at' from tocsin.run_sources), 'created_at',
  'Nor one called started, when a time stands beside it.');

select * from finish();
rollback;
