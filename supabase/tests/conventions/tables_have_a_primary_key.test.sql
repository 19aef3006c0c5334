begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select is_empty($$
  select c.oid::regclass from pg_class c
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and c.relkind in ('r', 'p')
    and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
$$, 'Every table has a primary key, so that a publication for all tables refuses no delete.');

select * from finish();
rollback;
