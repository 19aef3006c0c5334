-- Whatever the host writes, the roll-up goes on: what is odd is counted somewhere, or not at all,
-- but its failures and those of all others are forwarded.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id text, status text, project_id text, workflow_id text, started_at timestamptz,
  finished_at timestamptz);
select from tocsin.watch_runs('runs');
create temp table odd as
select started_at, finished_at from unnest(array[null, '-infinity', 'infinity',
  '4713-01-01 BC', '294276-12-31', '1970-01-01', '2026-03-04 10:00Z', '9999-12-31']::timestamptz[])
  as started_at
cross join unnest(array[null, '-infinity', 'infinity',
  '4713-01-01 BC', '294276-12-31', '1970-01-01', '2026-03-04 10:00Z', '9999-12-31']::timestamptz[])
  as finished_at;
insert into runs select 'odd', status, null, null, started_at, finished_at
from odd, unnest(array['failed', 'succeeded']) as status;
insert into runs
select long, 'failed', project_id, workflow_id, null, null from (
  select string_agg(md5(n::text), '') as long from generate_series(1, 300) as n) as l
cross join lateral (values (long, 'w'), ('p', long), (long, long), ('', ''), (null, ''))
  as v (project_id, workflow_id);
insert into runs values ('plain', 'failed', 'p', 'w', now(), now());
update runs set status = 'running' where id = 'odd';
select from tocsin_internal.run_stage('roll_up');

select is_empty($$select stage, message from tocsin_internal.stage_faults$$, 'There is no fault.');
select is_empty($$select run_id from tocsin_internal.run_outcomes limit 3$$,
  'Every outcome is taken.');
select is((select count(*)::int from pgmq.q_tocsin_failures
  where message ->> 'run_id' = 'plain'), 1, 'The failure among them is forwarded.');
select is((select count(*)::int from pgmq.q_tocsin_failures), 70, 'So are the odd ones.');
select from tocsin_internal.tick();
select is((select count(*)::int from tocsin.error_metrics), 70, 'And all of them are told.');

select * from finish();
rollback;
