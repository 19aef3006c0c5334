begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
create temp table before as
  select oid from pg_proc where pronamespace = 'tocsin_internal'::regnamespace;
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed"},
  "jobs": {"table": "public.jobs", "run_id": "run_id", "failed_at": "failed_at",
           "dead_at": "dead_at", "error": "error"}}');

select is(tocsin.unwatch_runs('runs'), 'runs', 'It says which source it let go.');
select is_empty($$
  select tgname from pg_trigger
  where tgrelid in ('runs'::regclass, 'events'::regclass, 'jobs'::regclass)
$$, 'No trigger is left on any of the tables.');
select is_empty($$
  select oid::regprocedure from pg_proc where pronamespace = 'tocsin_internal'::regnamespace
    and oid not in (table before)
$$, 'No generated function is left.');
select is_empty($$select source_id from tocsin.run_sources$$, 'The source is gone.');
insert into runs values (1, 'failed');
select is_empty($$select run_id from tocsin_internal.run_outcomes$$, 'Nothing is captured.');

select * from finish();
rollback;
