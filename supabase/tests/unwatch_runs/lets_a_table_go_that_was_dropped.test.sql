begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed"}}');
drop table runs;
do $$ begin
  execute (select hint from tocsin.doctor() where check_name = 'watching runs');
end $$;

select is_empty($$select source_id from tocsin.run_sources$$,
  'The command that doctor() gives lets the source go.');
select is_empty($$select tgname from pg_trigger where tgrelid = 'events'::regclass$$,
  'The events of the dropped runs are no longer watched.');

select * from finish();
rollback;
