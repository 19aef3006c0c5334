begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, flow_id int);
create table jobs (id int primary key, status text);
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('jobs');
alter table runs rename column flow_id to pipeline;

select results_eq($$
  select check_name, detail, hint from tocsin.doctor()
  where status = 'fail' and check_name like 'watching%'
$$, $$
  values ('watching runs', 'public.runs: column flow_id (workflow_id) is now called pipeline',
    'select tocsin.setup();')
$$, 'The table, the column and the command that mends it are named; the other table is well.');

select * from finish();
rollback;
