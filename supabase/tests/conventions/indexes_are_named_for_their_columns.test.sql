begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select is_empty($$
  select i.indexrelid::regclass from pg_index i
  join pg_class c on c.oid = i.indrelid
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
    -- its columns would make a name longer than Postgres keeps
    and i.indexrelid <> 'tocsin_internal.throttle_windows_open_idx'::regclass
    and (select relname from pg_class where oid = i.indexrelid) <> c.relname || '_' || (
      select string_agg(a.attname, '_' order by k.place)
      from unnest(i.indkey) with ordinality as k (attnum, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum) || '_idx'
$$, 'An index is called <table>_<columns>_idx.');

select * from finish();
rollback;
