begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"failed": []}')$$, 'TC004', null,
  'The statuses are refused.');
select is((select count(*)::int from tocsin.run_sources), 0, 'No source is left.');
select is((select count(*)::int from pg_trigger where tgrelid = 'runs'::regclass), 0,
  'No trigger is left.');

select * from finish();
rollback;
