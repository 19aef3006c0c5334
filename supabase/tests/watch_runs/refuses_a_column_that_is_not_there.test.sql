begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);

select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"status": "stat"}')$$,
  'TC003', 'The table public.runs has no column "stat" (option status)',
  'A column that the option misspells.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"finished_at": "done_at"}')$$,
  'TC003', null, 'A column that may be missing, but was named.');

select * from finish();
rollback;
