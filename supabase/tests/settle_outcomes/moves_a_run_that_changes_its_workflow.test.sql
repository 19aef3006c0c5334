begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, project_id text default 'p', flow text, status text,
  finished_at timestamptz);
insert into runs select n, 'p', 'old', 'failed', now() - interval '1 day'
from generate_series(1, 50) as n;
select from tocsin.watch_runs('runs', p_options => '{"workflow_id": "flow"}');
insert into runs values (60, 'p', 'a', 'failed', clock_timestamp());
select from tocsin_internal.roll_up();
update runs set flow = 'b' where id = 60;
select results_eq($$select workflow_id, failure_count::int from tocsin.workflow_run_metrics
  order by workflow_id$$, $$values ('a', 0), ('b', 1)$$,
  'A run that ended and changes its workflow counts there at once,');
select from tocsin_internal.roll_up();
select results_eq($$select workflow_id, failure_count::int from tocsin.workflow_run_metrics
  order by workflow_id$$, $$values ('a', 0), ('b', 1)$$, 'and when it is rolled up.');
select results_eq('select count(*)::int from pgmq.q_tocsin_failures', 'values (1)',
  'It is not told again.');

update runs set flow = 'new', project_id = 'q' where id <= 50;
select from tocsin_internal.roll_up();
select is_empty($$select * from tocsin.workflow_run_metrics where workflow_id = 'new'$$,
  'Runs that ended before the watch are not counted for being changed.');

select * from finish();
rollback;
