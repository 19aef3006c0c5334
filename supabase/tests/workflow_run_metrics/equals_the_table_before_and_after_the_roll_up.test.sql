begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, flow text, status text, started_at timestamptz,
  finished_at timestamptz);
select from tocsin.watch_runs('runs', p_options => '{"workflow_id": "flow"}');
create view expected as
  select 'runs'::text as source_id, flow, count(*) filter (where status = 'succeeded') as success,
    count(*) filter (where status in ('failed', 'timed_out')) as failure,
    count(*) filter (where status = 'timed_out') as timed_out,
    count(*) filter (where status = 'canceled') as canceled
  from runs where status <> 'running' group by flow;
create view shown as
  select source_id, workflow_id, success_count, failure_count, timed_out_count, canceled_count
  from tocsin.workflow_run_metrics;

insert into runs select n, 'f' || n % 3,
  (array['succeeded', 'failed', 'timed_out', 'canceled', 'running'])[1 + n % 5], now(), now()
from generate_series(1, 97) as n;
select bag_eq('select * from shown', 'select * from expected', 'What is pending counts,');

select from tocsin_internal.roll_up();
select bag_eq('select * from shown', 'select * from expected', 'and so does what is rolled up,');

update runs set status = 'running', finished_at = null where id between 10 and 20;
update runs set status = 'succeeded' where id between 30 and 40;
select bag_eq('select * from shown', 'select * from expected',
  'and runs that were re-opened or came to another outcome are taken back, some of each pending.');

select * from finish();
rollback;
