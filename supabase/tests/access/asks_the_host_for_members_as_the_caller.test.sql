begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table memberships (user_id uuid, project_id int);
alter table memberships enable row level security;
create policy own on memberships for select using (user_id = (select auth.uid()));
grant select on memberships to authenticated;
-- leans on the policy: asked as the owner of Tocsin it would answer with every project
create function my_projects() returns setof int language sql stable
  as 'select project_id from memberships';
create function my_teams() returns text[] language sql stable as $$
  select array['t1', 't2'] where (select auth.uid()) = '00000000-0000-4000-8000-00000000000a'
$$;
insert into memberships values ('00000000-0000-4000-8000-00000000000a', 1),
  ('00000000-0000-4000-8000-00000000000b', 2);
create table runs (id int, status text, project_id int);
create table jobs (id int, status text, project_id text);
select from tocsin.watch_runs('runs', p_options => '{"members_function": "public.my_projects",
  "members_role": "editor"}');
select from tocsin.watch_runs('jobs', p_options => '{"members_function": "public.my_teams"}');
insert into tocsin.project_members values ('l', '00000000-0000-4000-8000-00000000000a', 'admin');
set local role authenticated;

set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000a"}';
select bag_eq($$select tocsin.my_project_ids()$$, array['1', 't1', 't2', 'l'],
  'Whoever the host calls a member is one, besides those who are listed.');
select bag_eq($$select tocsin.my_project_ids('editor')$$, array['1', 'l'],
  'With the role that the source gives them, and no more.');
select bag_eq($$select tocsin.my_project_ids('admin')$$, array['l'], 'Here it is not admin.');
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000b"}';
select bag_eq($$select tocsin.my_project_ids()$$, array['2'], 'Others get their own projects.');
set local request.jwt.claims = '{"role": "authenticated"}';
select is_empty($$select tocsin.my_project_ids()$$, 'Who is nobody is a member of nothing.');

select * from finish();
rollback;
