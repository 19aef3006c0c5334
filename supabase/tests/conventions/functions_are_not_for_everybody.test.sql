begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed"},
  "jobs": {"table": "public.jobs", "run_id": "run_id", "failed_at": "failed_at",
           "dead_at": "dead_at", "error": "error"}}');

select is_empty($$
  select p.oid::regprocedure from pg_proc p
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and (p.proacl is null or exists (
      select from aclexplode(p.proacl) a where a.grantee = 0 and a.privilege_type = 'EXECUTE'))
$$, 'No function, written or generated, is executable by PUBLIC.');

select is_empty($$
  select p.oid::regprocedure from pg_proc p
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and has_function_privilege('anon', p.oid, 'execute')
$$, 'No function is executable by somebody who is not signed in.');

select ok(not has_schema_privilege('anon', 'tocsin', 'usage')
  and not has_schema_privilege('anon', 'tocsin_internal', 'usage'),
  'Somebody who is not signed in cannot even look into the schemas.');

select * from finish();
rollback;
