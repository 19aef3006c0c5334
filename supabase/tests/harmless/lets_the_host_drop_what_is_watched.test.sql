begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text);
create table events (run_id int, type text, at timestamptz, payload jsonb);
create type run_state as enum ('running', 'succeeded', 'failed');
create table jobs (id int primary key, status run_state);
select from tocsin.watch_runs('runs', p_options => '{
  "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
             "payload": "payload", "failed_type": "step_failed"}}');
select from tocsin.watch_runs('jobs');

select lives_ok($$drop table events$$, 'The events can be dropped without a cascade,');
select lives_ok($$insert into runs values (1, 'failed')$$, 'while the runs go on.');
select lives_ok($$drop table runs$$, 'So can the runs,');
select lives_ok($$drop table jobs; drop type run_state$$, 'and a table together with its type.');

select * from finish();
rollback;
