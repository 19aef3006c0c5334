begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
create temp table before as
  select t.oid, t.xmin::text as version from pg_trigger t where tgrelid = 'runs'::regclass
  union all
  select p.oid, p.prosrc from pg_proc p where pronamespace = 'tocsin_internal'::regnamespace;
select from tocsin.watch_runs('runs');

select is_empty($$
  (select t.oid, t.xmin::text from pg_trigger t where tgrelid = 'runs'::regclass
   union all
   select p.oid, p.prosrc from pg_proc p where pronamespace = 'tocsin_internal'::regnamespace)
  except table before
$$, 'Watching a table again leaves its triggers untouched and writes the same functions.');
select is((select count(*)::int from pg_trigger where tgrelid = 'runs'::regclass), 1,
  'There is one trigger, not two.');
select is((select count(*)::int from tocsin.run_sources), 1, 'There is one source, not two.');

select * from finish();
rollback;
