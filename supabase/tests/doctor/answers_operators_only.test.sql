begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.project_members (project_id, user_id, role)
values ('a', '00000000-0000-4000-8000-0000000000ad', 'admin');
select isnt_empty($$select * from tocsin.doctor()$$, 'In the SQL editor it answers.');
set local role authenticated;
set local request.jwt.claims =
  '{"sub": "00000000-0000-4000-8000-0000000000ff", "role": "authenticated"}';
select isnt_empty($$select * from tocsin.doctor()$$, 'An operator is answered,');
set local request.jwt.claims =
  '{"sub": "00000000-0000-4000-8000-0000000000ad", "role": "authenticated"}';
select is_empty($$select * from tocsin.doctor()$$, 'the admin of a project is not,');
set local request.jwt.claims = '{"role": "authenticated"}';
select is_empty($$select * from tocsin.doctor()$$, 'nor is who has no name.');

select * from finish();
rollback;
