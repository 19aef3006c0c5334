begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);

select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"jobs": {
  "table": "public.nothing", "run_id": "run_id", "failed_at": "f", "dead_at": "d", "error": "e"}}')
$$, 'TC003', null, 'A side table that is not there.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"events": {
  "table": "public.events", "run_id": "run_id", "type": "kind", "at": "at", "payload": "payload",
  "failed_type": "step_failed"}}')
$$, 'TC003', null, 'A column that the side table does not have.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"events": {
  "table": "public.events", "run_id": "run_id", "at": "at", "payload": "payload"}}')
$$, 'TC006', null, 'A side table that is only half described.');
select throws_ok($$select tocsin.watch_runs('runs', p_options => '{"events": "public.events"}')
$$, 'TC006', null, 'A side table that is not described at all.');

select * from finish();
rollback;
