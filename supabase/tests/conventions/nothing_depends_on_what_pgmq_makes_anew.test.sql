begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select isnt_empty($$select from pg_type where typnamespace = 'pgmq'::regnamespace$$,
  'pgmq has types of its own, which its upgrades drop with all that depends on them:');
select is_empty($$
  select pg_describe_object(d.classid, d.objid, d.objsubid)
  from pg_depend d
  left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid
  left join pg_proc f on d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid
  left join pg_class c on d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid
  where 'pgmq'::regnamespace in (t.typnamespace, f.pronamespace, c.relnamespace)
    and (d.classid = 'pg_proc'::regclass and d.objid in (select oid from pg_proc
        where pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace))
      or d.classid in ('pg_class'::regclass, 'pg_type'::regclass, 'pg_rewrite'::regclass)
        and pg_describe_object(d.classid, d.objid, d.objsubid) ~ '\mtocsin')
$$, 'nothing of Tocsin''s does.');

select * from finish();
rollback;
