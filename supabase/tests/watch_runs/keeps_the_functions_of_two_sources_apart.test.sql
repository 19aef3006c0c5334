begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
create table runs_events (id int primary key, run_id int, type text, at timestamptz, payload jsonb,
  status text);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.runs_events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed"}}');
select from tocsin.watch_runs('runs_events', p_options => '{"run_id": "id"}');
insert into runs_events values (1, 7, 'step_failed', now(), '{}', 'failed');

select bag_eq($$select source_id, run_id, signal from tocsin_internal.run_outcomes$$,
  $$values ('runs', '7', 'event'), ('runs_events', '1', null)$$,
  'A source called like the events of another does not take its trigger function over.');

select * from finish();
rollback;
