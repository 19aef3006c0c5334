begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text check (status <> 'archived'));
create table jobs (id int primary key, status text check (status ~ '^[a-z]+$'));

select lives_ok($$select tocsin.watch_runs('runs')$$,
  'A check that excludes one status is not taken for the list of all of them.');
select lives_ok($$
  select tocsin.watch_runs('jobs', p_options => '{"succeeded": ["won"], "failed": ["lost"]}')
$$, 'A pattern is not taken for the only status that there can be.');

select * from finish();
rollback;
