begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select is_empty($$
  select k.conname, k.conrelid::regclass from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and k.contype = 'f' and not exists (
      select from pg_index i
      where i.indrelid = k.conrelid and i.indpred is null
        and (string_to_array(i.indkey::text, ' ')::smallint[])[: cardinality(k.conkey)] = k.conkey)
$$, 'Every foreign key has an index, so that deleting what it points to scans nothing.');

select * from finish();
rollback;
