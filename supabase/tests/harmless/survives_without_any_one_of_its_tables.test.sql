begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create function pg_temp.try(p_table regclass) returns text language plpgsql as $$
declare
  v_result text := 'ok';
begin
  execute format('drop table %s cascade', p_table);
  insert into runs values (11, 'running'), (12, 'succeeded'), (13, 'failed');
  update runs set status = 'succeeded' where id = 1;
  update runs set status = 'failed' where id = 2;
  update runs set status = 'running' where id = 2;
  update runs set status = 'failed';
  insert into events values (1, 'step_failed', now(), '{"attempt": 9}');
  insert into jobs values (1, now(), null, 'boom');
  delete from runs;
  raise 'done' using errcode = 'ZZ000';
exception when sqlstate 'ZZ000' then
  return 'ok';
when others then
  return sqlerrm;
end
$$;
create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed", "max_attempts": 5},
  "jobs": {"table": "public.jobs", "run_id": "run_id", "failed_at": "failed_at",
           "dead_at": "dead_at", "error": "error"}}');
insert into runs select n, 'running' from generate_series(1, 9) as n;

select is_empty($$
  select c.oid::regclass, result from pg_class c cross join lateral pg_temp.try(c.oid) as result
  where c.relkind in ('r', 'p') and result <> 'ok'
    and c.relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
$$, 'Whichever table of Tocsin is missing, the host writes its runs.');

select * from finish();
rollback;
