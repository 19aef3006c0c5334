begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

select is_empty($$
  select c.oid::regclass from pg_class c
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and c.relkind in ('r', 'p') and not c.relrowsecurity
$$, 'Every table has row-level security.');

select is_empty($$
  select c.oid::regclass from pg_class c
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and c.relkind in ('r', 'p')
    and not exists (select from pg_policy p where p.polrelid = c.oid)
$$, 'Every table says by a policy who may read it.');

select is_empty($$
  select c.oid::regclass from pg_class c
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and c.relkind = 'v' and not 'security_invoker=true' = any (coalesce(c.reloptions, '{}'))
$$, 'No view reads with its owner''s rights.');

select is_empty($$
  select c.oid::regclass from pg_class c
  where c.relname ~ '^[qa]_tocsin_' and c.relnamespace = 'pgmq'::regnamespace and c.relkind = 'r'
    and (not c.relrowsecurity or has_table_privilege('authenticated', c.oid, 'select'))
$$, 'The tables of its own queues are closed to people.');

select * from finish();
rollback;
