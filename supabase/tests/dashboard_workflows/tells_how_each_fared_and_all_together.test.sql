begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create table jobs (id int primary key, project_id text, workflow_id text, status text,
  started_at timestamptz, finished_at timestamptz);
select from tocsin.watch_runs('jobs');
insert into jobs
select n, case n when 40 then 'b' else 'a' end, case when n <= 10 then 'good' else 'bad' end,
  case when n > 10 and n % 2 = 0 then 'failed' else 'succeeded' end, now() - interval '5 minutes',
  now() - interval '4 minutes'
from generate_series(1, 40) as n;
select from tocsin_internal.roll_up();
insert into tocsin.names values ('a', 'bad', 'order-import', now());
insert into jobs values (41, 'a', 'good', 'succeeded', now() - interval '1 minute', now());

create temp table told as select tocsin.dashboard_workflows(now() - interval '1 hour',
  now() + interval '1 minute', '5 minutes')::jsonb as t;
select is((select t #> '{now,run_count}' from told), '41', 'All runs are summed, pending as well,');
select is((select t #> '{now,failure_count}' from told), '15', 'and those that failed.');
select is((select t ->> 'before' from told), null, 'There was nothing in the range before.');
select is((select t #>> '{workflows,0,name}' from told), 'order-import',
  'The workflow with most failures is first, by its name.');
select is((select sum((bar ->> 1)::int) || ', ' || sum((bar ->> 2)::int)
  from told, jsonb_array_elements(t #> '{workflows,0,trend}') as bar), '15, 14',
  'Its bars add up to its runs.');
select is((select t -> 'workflow_count' from told), '3', 'The workflows are counted.');

insert into tocsin.project_members (project_id, user_id) values
  ('b', '00000000-0000-4000-8000-000000000002');
select set_config('request.jwt.claims', '{"sub": "00000000-0000-4000-8000-000000000002"}', true);
set local role authenticated;
select is(tocsin.dashboard_workflows(now() - interval '1 hour',
  now() + interval '1 minute')::jsonb #> '{now,run_count}', '1',
  'A member has the runs of their project only.');

select * from finish();
rollback;
