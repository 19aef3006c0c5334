begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed"}}');

select is((select count(*)::int from pg_trigger where tgrelid = 'events'::regclass), 1,
  'The events are watched.');
select from tocsin.watch_runs('runs');
select is((select count(*)::int from pg_trigger where tgrelid = 'events'::regclass), 0,
  'Watching again without events lets the events table go.');
select hasnt_function('tocsin_internal', 'signal_runs_events',
  'Its trigger function is gone as well.');

select * from finish();
rollback;
