begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select from tocsin.setup(null, 'Ada@Example.com');
select is_empty($$select * from tocsin.operators$$, 'Nobody is an operator by being named alone.');
insert into auth.users (id, email)
values ('00000000-0000-4000-8000-0000000000ff', 'ada@example.com');
select from tocsin_internal.tick();
select is_empty($$select * from tocsin.operators$$,
  'An address that was not confirmed proves nothing: anybody may have typed it.');
update auth.users set email_confirmed_at = now();
select from tocsin_internal.tick();

select bag_eq($$select user_id from tocsin.operators$$,
  array['00000000-0000-4000-8000-0000000000ff'::uuid], 'Once it is confirmed, they are one.');
select is_empty($$select * from tocsin_internal.invited_operators$$, 'The invitation is used up.');
delete from tocsin.operators;
select from tocsin_internal.tick();
select is_empty($$select * from tocsin.operators$$, 'It makes nobody operator twice.');

select * from finish();
rollback;
