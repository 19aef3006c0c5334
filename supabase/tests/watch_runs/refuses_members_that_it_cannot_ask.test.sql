begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
create function ids() returns setof int language sql as 'select 1';

select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"members_function": "my_ids"}')
$$, 'TC006', null, 'A membership function that is not there.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{
  "members_function": "public.ids", "members_role": "boss"}')
$$, 'TC006', null, 'A role that there is not.');
select lives_ok($$select tocsin.watch_runs('runs', p_options => '{
  "members_function": "public.ids", "members_role": "editor"}')
$$, 'A function that is there, and a role that there is.');

select * from finish();
rollback;
