begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed"}}');
insert into events
select n, 'step_failed', now(), jsonb_build_object('error', 'boom ' || n,
  'attempt', case n when 4 then '3 of 5' else '1' end)
from generate_series(1, 9) as n;
insert into runs select n, 'failed' from generate_series(1, 9) as n;
select from tocsin_internal.tick();

select bag_eq($$select run_id, message from tocsin.error_metrics$$,
  $$select n::text, case when n <> 4 then 'boom ' || n end from generate_series(1, 9) as n$$,
  'One attempt that is no number takes the text of its own run only.');
select results_eq($$select detail from tocsin_internal.stage_faults$$,
  array['run 4 of runs'], 'A fault says which run it was.');

select * from finish();
rollback;
