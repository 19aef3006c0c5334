begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create function pg_temp.try(p_function regprocedure) returns text language plpgsql as $$
begin
  execute format('drop function %s cascade', p_function);
  insert into runs values (11, 'running'), (12, 'succeeded'), (13, 'failed');
  update runs set status = 'failed' where id = 2;
  update runs set status = 'running' where id = 2;
  alter table runs alter column id type text;
  update runs set status = 'failed';
  insert into events values (1, 'step_failed', now(), '{"attempt": 9}');
  insert into jobs values (1, now(), null, 'boom');
  raise 'done' using errcode = 'ZZ000';
exception when sqlstate 'ZZ000' then
  return 'ok';
when others then
  return sqlerrm;
end
$$;
create table runs (id int primary key, status text, ended_at text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed", "max_attempts": 5},
  "jobs": {"table": "public.jobs", "run_id": "run_id", "failed_at": "failed_at",
           "dead_at": "dead_at", "error": "error"}}');
insert into runs select n, 'running' from generate_series(1, 9) as n;

select is_empty($$
  select p.oid::regprocedure, result from pg_proc p cross join lateral pg_temp.try(p.oid) as result
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and result <> 'ok'
$$, 'Whichever function of Tocsin is missing, the host writes its runs.');

select * from finish();
rollback;
