begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create function broken_ids() returns setof int language sql stable
  as 'select 1 / (random() * 0)::int';
create function my_ids() returns setof int language sql stable as 'select 7';
create table runs (id int, status text, project_id int);
create table jobs (id int, status text, project_id int);
create table tasks (id int, status text, project_id int);
select from tocsin.watch_runs('runs', p_options => '{"members_function": "public.broken_ids"}');
select from tocsin.watch_runs('jobs', p_options => '{"members_function": "public.my_ids"}');
select from tocsin.watch_runs('tasks', p_options => '{"members_function": "public.my_ids"}');
insert into tocsin.project_members values ('l', '00000000-0000-4000-8000-00000000000a', 'viewer');
set local client_min_messages = error;
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000a"}';

set local role authenticated;
select bag_eq($$select tocsin.my_project_ids()$$, array['7', 'l'],
  'A function of the host that fails takes nobody else''s membership away.');
reset role;
select from tocsin.unwatch_runs('tasks');
set local role authenticated;
select bag_eq($$select tocsin.my_project_ids()$$, array['7', 'l'],
  'A function that another source still names is asked as before.');
reset role;
drop function broken_ids(), my_ids();
set local role authenticated;
select bag_eq($$select tocsin.my_project_ids()$$, array['l'], 'Nor does one that was dropped.');
reset role;
select from tocsin.unwatch_runs('runs');
select from tocsin.unwatch_runs('jobs');
create function my_ids() returns setof int language sql stable as 'select 7';
select is_empty($$select tocsin_internal.host_projects('viewer')$$,
  'When nothing is watched any more the host is not asked.');

select * from finish();
rollback;
