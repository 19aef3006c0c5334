begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text, state text, flow text);
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('runs', p_options => '{
  "status": "state", "succeeded": ["done"], "failed": ["broken"], "workflow_id": "flow"}');
insert into runs values (1, 'failed', 'open', 'a'), (2, 'running', 'broken', 'b');

select results_eq($$select run_id, workflow_id from tocsin_internal.run_outcomes$$,
  $$values ('2', 'b')$$, 'What is captured follows the options given last.');
select is((select count(*)::int from pg_trigger where tgrelid = 'runs'::regclass), 1,
  'The trigger is the same one.');

select * from finish();
rollback;
