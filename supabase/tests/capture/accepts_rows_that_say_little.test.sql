begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int, status text, workflow_id text, project_id int, finished_at timestamptz);
select from tocsin.watch_runs('runs');

select lives_ok($$
  insert into runs values (null, null, null, null, null), (1, 'whatever', null, null, null),
    (2, 'failed', null, null, null), (null, 'failed', null, null, null)
$$, 'Empty columns and unknown statuses fail nothing.');
select lives_ok($$update runs set status = case status when 'failed' then null else 'failed' end$$,
  'Nor do updates to and from them.');
select results_eq($$
  select run_id, workflow_id, outcome, sign::int from tocsin_internal.run_outcomes
  order by outcome_id limit 2
$$, $$values ('2', null::text, 'failed', 1), (null, null, 'failed', 1)$$,
  'A failed run without a workflow, or even an id, is an outcome all the same.');

select * from finish();
rollback;
