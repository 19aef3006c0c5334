begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text, workflow_id int);
create table events (run_id text, type text, at timestamptz, payload text);
create table flows (id uuid, name text);

select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"events": {
  "table": "public.events", "run_id": "run_id", "type": "type", "at": "at", "payload": "payload",
  "failed_type": "step_failed"}}')
$$, 'TC003', null, 'A payload that is no json, and an id of another type.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"workflow_names": {
  "table": "public.flows", "id": "id", "name": "name"}}')
$$, 'TC003', null, 'A table of names whose id is of another type.');

select * from finish();
rollback;
