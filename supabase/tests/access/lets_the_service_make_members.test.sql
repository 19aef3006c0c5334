begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

set local role service_role;
select lives_ok($$insert into tocsin.project_members (project_id, user_id)
  values ('a', '00000000-0000-4000-8000-00000000000a')$$,
  'The host''s server can keep the members up to date.');
select is((select role::text from tocsin.project_members), 'viewer',
  'Without a word about it, a member may only look.');

select * from finish();
rollback;
