begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create type run_state as enum ('open', 'closed', 'failed');
create table runs (id int primary key, status text);
create table jobs (id int primary key, status run_state);
create table tasks (id int primary key, status int);

select throws_ok($$select tocsin.watch_runs('runs',
  p_options => '{"succeeded": ["x", "y"], "failed": ["y"]}')$$,
  'TC004', 'The status "y" of public.runs is given two meanings', 'A status with two meanings.');
select throws_ok($$select tocsin.watch_runs('jobs', p_options => '{"succeeded": ["done"]}')$$,
  'TC004', 'The column public.jobs.status can never hold the status "done"',
  'A status that the enum does not allow.');
select throws_ok($$select tocsin.watch_runs('jobs')$$, 'TC004', null,
  'An enum in which nothing means success.');
select throws_ok($$select tocsin.watch_runs('tasks')$$, 'TC004', null,
  'A number, which says nothing about its values.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"failed": "broken"}')$$,
  'TC004', null, 'One status where a list is due.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"failed": []}')$$,
  'TC004', null, 'No status that means failure.');

select * from finish();
rollback;
