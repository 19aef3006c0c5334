begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select is_empty($$
  select p.oid::regprocedure from pg_proc p
  where p.pronamespace = 'tocsin_internal'::regnamespace
    and p.proname ~ '^(capture|signal|describe|notice|retell)_'
$$, 'The beginnings of the names of generated functions are kept for them.');

select * from finish();
rollback;
