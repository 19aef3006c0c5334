begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
create table jobs (id int primary key, status text);
select from tocsin.watch_runs('runs', p_options => '{"source_id": "work"}');

select throws_ok($$select tocsin.watch_runs('jobs', p_options => '{"source_id": "work"}')$$,
  'TC006', null, 'A name that is asked for is not replaced by another without a word.');

select * from finish();
rollback;
