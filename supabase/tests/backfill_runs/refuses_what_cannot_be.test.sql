begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table runs (id int primary key, status text, finished_at timestamptz);
create table timeless (id int primary key, status text);
select throws_ok('select tocsin.backfill_runs(''runs'')', 'TC009', null,
  'A table that is not watched,');
insert into runs values (1, 'failed', now() - interval '1 day');
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('timeless');
select throws_ok('select tocsin.backfill_runs(''timeless'')', 'TC021', null,
  'a table that does not tell when,');
select throws_ok('select tocsin.backfill_runs(''runs'', now(), now() - interval ''1 day'')',
  'TC017', null, 'a range that ends before it begins');
select from tocsin.backfill_runs('runs', now() - interval '2 days');
select throws_ok('select tocsin.backfill_runs(''runs'', now() - interval ''1 day'')', 'TC022',
  null, 'and another range while one is at work are refused.');
select results_eq('select count(*)::int from tocsin.backfills', 'values (1)',
  'Nothing is left of what was refused.');
select ok(not has_function_privilege(role, 'tocsin.backfill_runs(regclass, timestamptz, '
  'timestamptz, timestamptz)', 'execute'), 'It is for the owner alone.')
from unnest(array['authenticated']) as role;

select * from finish();
rollback;
