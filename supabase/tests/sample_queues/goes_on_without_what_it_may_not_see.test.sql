begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create function pg_temp.faults() returns bigint language sql as $$
  select count(*) from tocsin_internal.stage_faults$$;

-- something else that is called pgboss
create schema pgboss;
create table pgboss.queue (id int);
select from pgmq."create"('emails');
select is(tocsin_internal.run_stage('sample_queues', now()), 5::bigint,
  'A schema pgboss that is none of pg-boss hinders nothing,');
select is(pg_temp.faults(), 0::bigint, 'and is no fault of anybody.');
drop schema pgboss cascade;
create schema pgboss;
create table pgboss.queue (name text, dead_letter text, partition_name text);
insert into pgboss.queue values ('orders', null, 'j1');
select is(tocsin_internal.run_stage('sample_queues', now() + interval '10 seconds'), 6::bigint,
  'A queue whose table is not there neither:');
select is((select reason from tocsin.queue_health where queue_name = 'orders'),
  'It could not be looked at: the table of its jobs is gone', 'it says so.');

select * from finish();
rollback;
