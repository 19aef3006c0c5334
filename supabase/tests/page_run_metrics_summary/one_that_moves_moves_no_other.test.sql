begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id serial primary key, status text, workflow_id text);
select from tocsin.watch_runs('runs');
insert into runs (status, workflow_id)
select 'failed', 'w' || w from generate_series(1, 8) as w, generate_series(1, w);

create function pg_temp.page(p_after json) returns json language sql as $$
  select tocsin.page_run_metrics_summary(now() - interval '1 hour', now() + interval '1 hour',
    p_limit => 3, p_after_value => (p_after ->> 'value')::double precision,
    p_after_workflow_id => p_after ->> 'workflow_id',
    p_after_project_id => p_after ->> 'project_id', p_after_source_id => p_after ->> 'source_id')$$;
create temp table first as select pg_temp.page(null) as page;
select is(array(select w ->> 'workflow_id'
  from first, json_array_elements(page -> 'workflows') as w),
  '{w8,w7,w6}', 'The first page has the most failures.');
-- one overtakes all that was read, and one of those that were read falls behind
insert into runs (status, workflow_id) select 'failed', 'w2' from generate_series(1, 20);
update runs set status = 'running' where workflow_id = 'w8';
select is(array(select w ->> 'workflow_id'
  from first, lateral pg_temp.page(page -> 'after') as next,
    json_array_elements(next -> 'workflows') as w),
  '{w5,w4,w3}', 'The next begins where it ended.');

select * from finish();
rollback;
