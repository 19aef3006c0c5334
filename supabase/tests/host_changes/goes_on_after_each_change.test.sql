begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(26);

create type run_status as enum ('running', 'succeeded', 'failed');
create table runs (id int primary key, flow_id text, status run_status, project_id text,
  finished_at timestamptz);
select from tocsin.watch_runs('runs');
create function pg_temp.counted() returns bigint language sql as $$
  select coalesce(sum(success_count + failure_count), 0)::bigint from tocsin.workflow_run_metrics
$$;
create function pg_temp.said() returns text language sql as $$
  select concat_ws(' → ', status, hint) from tocsin.doctor() where check_name = 'watching runs'
$$;
create function pg_temp.describes() returns bigint language sql as $$
  select count(*) from tocsin_internal.describe_runs(array['1']) where workflow_id = 'a'
$$;
insert into runs values (1, 'a', 'failed', 'p', now());
select is(pg_temp.counted(), 1::bigint, 'A run is counted.');
select is(pg_temp.said(), 'ok', 'All is well.');

alter table runs rename column flow_id to pipeline;
insert into runs values (2, 'a', 'failed', 'p', now());
select is(pg_temp.counted(), 2::bigint, 'A column is renamed: the next run is counted,');
select is(pg_temp.said(), 'fail → select tocsin.setup();', 'doctor() says what to do,');
select from tocsin.setup();
select is(pg_temp.said(), 'ok', 'and setup() follows it.');
insert into runs values (3, 'a', 'failed', 'p', now());
select is((select workflow_id from tocsin.workflow_run_metrics where failure_count >= 2), 'a',
  'The runs are still those of their workflow.');
select is(pg_temp.describes(), 1::bigint, 'Their text is looked up.');

alter table runs drop column project_id;
insert into runs values (4, 'a', 'failed', now());
select is(pg_temp.counted(), 4::bigint, 'A column is dropped: the next run is counted,');
select is(pg_temp.said(), 'fail → select tocsin.setup();', 'doctor() says what to do,');
select from tocsin.setup();
select is(pg_temp.said(), 'ok', 'and setup() does without it.');

alter type run_status add value 'canceled';
select is(pg_temp.said(), 'warn → select tocsin.setup();', 'A status comes whose name is common:');
select from tocsin.setup();
select is(pg_temp.said(), 'ok', 'setup() takes it in.');
select is((select mapping -> 'canceled' from tocsin.run_sources), '["canceled"]', 'It does.');

alter type run_status add value 'exploded';
select matches(pg_temp.said(), '^warn → Say what they mean: select tocsin.watch_runs',
  'One comes that nobody knows:');
select from tocsin.setup();
select matches(pg_temp.said(), '^warn', 'setup() cannot know either,');
do $$
begin
  execute (select substring(hint from '(select .*?\));') from tocsin.doctor()
    where check_name = 'watching runs');
end
$$;
select is(pg_temp.said(), 'ok', 'the call that the hint names says it.');
select is((select mapping -> 'failed' from tocsin.run_sources), '["failed", "exploded"]',
  'Its runs are failures from now on.');

alter table runs rename to jobs;
insert into jobs values (5, 'a', 'failed', now());
select is(pg_temp.counted(), 5::bigint, 'The table is renamed: the next run is counted,');
select is(pg_temp.said(), 'fail → select tocsin.setup();', 'doctor() says what to do,');
select from tocsin.setup();
select is(pg_temp.describes() || pg_temp.said(), '1ok', 'and setup() reads the text there.');

alter table jobs rename to jobs_before;
create table jobs (id int primary key, pipeline text, status run_status, finished_at timestamptz)
  partition by hash (id);
create table jobs_0 partition of jobs for values with (modulus 2, remainder 0);
create table jobs_1 partition of jobs for values with (modulus 2, remainder 1);
insert into jobs (id, pipeline, status, finished_at)
select id, pipeline, status, finished_at from jobs_before;
select is(pg_temp.said(), 'fail → select tocsin.setup();',
  'A partitioned table takes its place: doctor() says what to do,');
select from tocsin.setup();
insert into jobs (id, pipeline, status, finished_at) values (6, 'a', 'failed', now());
select is(pg_temp.counted(), 6::bigint, 'setup() follows: the next run counts, copies do not.');
select is(pg_temp.said() || pg_temp.describes(), 'ok1', 'All is well again.');
select is((select count(*)::int from pg_trigger where tgrelid = 'jobs_before'::regclass), 0,
  'The table of before has no trigger left.');

drop table jobs;
select matches(pg_temp.said(), '^fail → select tocsin.unwatch_runs\(\d+',
  'The table is dropped: doctor() says how to let it go,');
do $$
begin
  execute (select hint from tocsin.doctor() where check_name = 'watching runs');
end
$$;
select is(pg_temp.said(), null, 'which does.');

select * from finish();
rollback;
