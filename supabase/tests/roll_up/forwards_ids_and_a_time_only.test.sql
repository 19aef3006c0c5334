begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, project_id int, workflow_id text, error text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', 2, 'sync', 'password=hunter2');
select from tocsin_internal.roll_up();

select results_eq($$
  select string_agg(key, ' ' order by key)
  from pgmq.q_tocsin_failures, jsonb_object_keys(message) as key
$$, array['error_id failed_at outcome project_id run_id source_id workflow_id'],
  'A message carries ids and a time, and nothing that could be a secret.');

select * from finish();
rollback;
