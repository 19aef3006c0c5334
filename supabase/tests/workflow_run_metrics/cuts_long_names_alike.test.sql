begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, project text, flow text, status text,
  finished_at timestamptz);
select from tocsin.watch_runs('runs',
  p_options => '{"project_id": "project", "workflow_id": "flow"}');
insert into runs select n, repeat('p', 300), repeat('f', 300), 'succeeded', now()
from generate_series(1, 2) as n;
select from tocsin_internal.roll_up();
insert into runs values (3, repeat('p', 300), repeat('f', 300), 'failed', now());

select results_eq('select project_id, workflow_id, success_count, failure_count
  from tocsin.workflow_run_metrics',
  $$values (repeat('p', 200), repeat('f', 200), 2::bigint, 1::bigint)$$,
  'A name of more than 200 characters is cut: what is pending stands beside what is counted.');
select is_empty($$select * from tocsin.reconcile('runs')$$, 'It equals the table,');
select from tocsin_internal.roll_up();
select is_empty($$select * from tocsin.reconcile('runs')$$, 'also when all is counted.');

select * from finish();
rollback;
