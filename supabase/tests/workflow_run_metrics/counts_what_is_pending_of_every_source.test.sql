begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

-- one watched for long, one since a moment, one no more, one that nobody knows
create table old_runs (id int primary key, flow text, status text, finished_at timestamptz);
create table new_runs (id int primary key, flow text, status text, finished_at timestamptz);
create table past_runs (id int primary key, flow text, status text, finished_at timestamptz);
select from tocsin.watch_runs('old_runs', p_options => '{"workflow_id": "flow"}');
select from tocsin.watch_runs('past_runs', p_options => '{"workflow_id": "flow"}');
update tocsin_internal.counted_ranges
set watched = tstzmultirange(tstzrange(now() - interval '1 hour', null)),
  watched_since = now() - interval '1 hour';
insert into past_runs values (1, 'past', 'failed', now());
select from tocsin.unwatch_runs('past_runs');
select from tocsin.watch_runs('new_runs', p_options => '{"workflow_id": "flow"}');
insert into new_runs values (1, 'new', 'failed', clock_timestamp()),
  (2, 'new', 'succeeded', now() - interval '1 day'),
  (3, 'ahead', 'failed', now() + interval '1 minute');
-- this one ended before the newest source was watched
insert into old_runs values (1, 'old', 'failed', now() - interval '30 minutes'),
  (2, 'old', 'succeeded', clock_timestamp()), (3, null, 'succeeded', null);
insert into tocsin_internal.run_outcomes
  (source_id, run_id, workflow_id, outcome, sign, finished_at)
values ('unknown', '1', 'stray', 'failed', 1, now());

create view shown as
  select source_id, workflow_id, success_count, failure_count from tocsin.workflow_run_metrics
  where success_count + failure_count <> 0;
create temp table pending as select * from shown;
select ok((select bool_or(workflow_id = 'old' and success_count = 1 and failure_count = 1)
  and bool_or(workflow_id = 'new') and bool_or(workflow_id = 'ahead') from pending),
  'What ended since its own source is watched counts, whatever was watched later.');
select is((select sum(failure_count)::int from tocsin.workflow_run_metrics
  where workflow_id = 'old'), 1, 'One workflow is told as it is among all.');
select from tocsin_internal.roll_up();
select bag_eq('select * from shown', 'select * from pending',
  'And all counts as it did while it was pending, once it is rolled up.');

select * from finish();
rollback;
