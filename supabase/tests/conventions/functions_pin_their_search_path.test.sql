begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');

select is_empty($$
  select p.oid::regprocedure from pg_proc p
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and not 'search_path=""' = any (coalesce(p.proconfig, '{}'))
$$, 'Every function, written or generated, pins an empty search path.');

select * from finish();
rollback;
