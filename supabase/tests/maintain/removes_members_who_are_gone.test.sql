begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

insert into auth.users (id, email)
values ('00000000-0000-4000-8000-00000000000a', 'ada@example.com');
insert into tocsin.project_members (project_id, user_id) values
  ('a', '00000000-0000-4000-8000-00000000000a'), ('a', '00000000-0000-4000-8000-00000000000b');
insert into tocsin.operators (user_id) values
  ('00000000-0000-4000-8000-00000000000a'), ('00000000-0000-4000-8000-00000000000b');
select from tocsin_internal.maintain();

select results_eq($$select user_id from tocsin.project_members$$,
  array['00000000-0000-4000-8000-00000000000a'::uuid], 'A user who was deleted is no member,');
select results_eq($$select user_id from tocsin.operators$$,
  array['00000000-0000-4000-8000-00000000000a'::uuid], 'nor an operator.');
delete from auth.users;
select from tocsin_internal.maintain();
select is((select count(*)::int from tocsin.operators), 1,
  'Where somebody else signs people in, an empty auth.users removes nobody.');

select * from finish();
rollback;
