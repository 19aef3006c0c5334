begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, project_id text, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'a', 'failed'), (2, 'b', 'failed'), (3, null, 'failed');
select from tocsin_internal.roll_up();
insert into runs values (4, 'a', 'succeeded'), (5, 'b', 'succeeded'), (6, null, 'succeeded');
insert into tocsin.project_members values ('a', '11111111-0000-4000-8000-000000000001', 'viewer');
insert into tocsin.operators values ('11111111-0000-4000-8000-000000000002');

set local role authenticated;
set local request.jwt.claims = '{"sub": "11111111-0000-4000-8000-000000000001"}';
select results_eq(
  'select project_id, success_count, failure_count from tocsin.workflow_run_metrics',
  $$values ('a', 1::bigint, 1::bigint)$$, 'A viewer sees their project, what is pending included.');
select results_eq($$select project_id, run_count from tocsin.run_metrics_summary(
  now() - interval '1 hour', now() + interval '1 hour')$$, $$values ('a', 2::bigint)$$,
  'The summary shows no more,');
select results_eq($$select sum(success_count + failure_count)::int from tocsin.run_metrics_history(
  now() - interval '1 hour', now() + interval '1 hour')$$, 'values (2)', 'nor does the history.');
set local request.jwt.claims = '{"sub": "11111111-0000-4000-8000-000000000002"}';
select results_eq('select count(*)::int from tocsin.workflow_run_metrics', 'values (3)',
  'An operator sees all, also what belongs to no project.');
set local request.jwt.claims = '{"sub": "11111111-0000-4000-8000-000000000003"}';
select is_empty('select * from tocsin.workflow_run_metrics', 'A stranger sees nothing.');

select * from finish();
rollback;
