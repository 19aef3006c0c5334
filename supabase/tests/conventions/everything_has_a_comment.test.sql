begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed"},
  "jobs": {"table": "public.jobs", "run_id": "run_id", "failed_at": "failed_at",
           "dead_at": "dead_at", "error": "error"}}');

select is_empty($$
  select c.oid::regclass from pg_class c
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and c.relkind in ('r', 'v', 'm', 'p', 'f')
    and obj_description(c.oid, 'pg_class') is null
$$, 'Every table and view has a comment.');

select is_empty($$
  select c.oid::regclass, a.attname from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and c.relkind in ('r', 'v', 'm', 'p', 'f')
    and col_description(c.oid, a.attnum) is null
$$, 'Every column has a comment.');

select is_empty($$
  select p.oid::regprocedure from pg_proc p
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and obj_description(p.oid, 'pg_proc') is null
$$, 'Every function, written or generated, has a comment.');

select is_empty($$
  select t.oid::regtype from pg_type t
  where t.typnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and t.typtype in ('e', 'd', 'r') and obj_description(t.oid, 'pg_type') is null
$$, 'Every type has a comment.');

select * from finish();
rollback;
