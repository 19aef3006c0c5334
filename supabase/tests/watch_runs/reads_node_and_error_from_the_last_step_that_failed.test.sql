begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
create table steps (run int, name text, problem text, ended timestamptz, given_up timestamptz,
  tries int);
select from tocsin.watch_runs('public.runs', p_options => '{
  "steps": {"table": "public.steps", "run_id": "run", "node": "name", "error": "problem",
    "failed_at": "ended", "stalled_at": "given_up", "attempt": "tries"}}');
insert into steps values (1, 'load', 'first', '2026-03-01 10:00Z', null, 1),
  (1, 'save', 'second', null, '2026-03-01 10:01Z', 4), (1, 'mail', null, null, null, 1),
  (2, 'load', 'other', '2026-03-01 10:02Z', null, 1);
insert into runs values (1, 'failed'), (2, 'failed'), (3, 'failed');
select results_eq($$
  select run_id, node, error, attempt from tocsin_internal.describe_runs(array['1', '2', '3'])
  order by 1
$$, $$values ('1', 'save', 'second', 4), ('2', 'load', 'other', 1), ('3', null, null, null)$$,
  'The last step that failed or was given up says where and why.');
select throws_ok($$
  select tocsin.watch_runs('public.runs', p_options => '{"steps": {"table": "public.steps"}}')
$$, 'TC006', 'The option "steps" lacks "run_id"', 'What it needs is asked for.');
select lives_ok($$
  select tocsin.watch_runs('public.runs', 'meshhook', '{"run_id": "id", "project_id": null,
    "workflow_id": null, "started_at": null, "finished_at": null, "steps": null}')
$$, 'It can be left out.');

select * from finish();
rollback;
