begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

create table runs (id int primary key, status text, project_id text, workflow_id text,
  started_at timestamptz, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs
select n, (array['succeeded', 'failed', 'canceled', 'timed_out'])[1 + n % 4], 'p' || n % 2,
  'w' || n % 3, now() - interval '10 s', now()
from generate_series(1, 60) as n;

create view pg_temp.told as
select w ->> 0 as source_id, w ->> 1 as project_id, w ->> 2 as workflow_id,
  (w ->> 3)::bigint as succeeded, (w ->> 4)::bigint as failed, (w ->> 5)::bigint as timed_out,
  (w ->> 6)::bigint as canceled, (w ->> 7)::float as seconds, w -> 8 as bins, w -> 9 as counts
from json_array_elements(tocsin.scrape_metrics() -> 'workflows') as w;

select bag_eq('select source_id, project_id, workflow_id, succeeded, failed, timed_out, canceled
  from pg_temp.told', 'select source_id, project_id, workflow_id, success_count::bigint,
  (failure_count - timed_out_count)::bigint, timed_out_count::bigint, canceled_count::bigint
  from tocsin.workflow_run_metrics', 'It tells what is pending,');
select is((tocsin.scrape_metrics() ->> 'pending_outcomes')::int, 60, 'and how much that is;');
select from tocsin_internal.tick();
select is((select sum(succeeded + failed + timed_out + canceled) from pg_temp.told)::int, 60,
  'what is rolled up as well,');
select is((tocsin.scrape_metrics() ->> 'pending_outcomes')::int, 0, 'nothing being pending then.');
update runs set status = 'running' where id = 1;
select is((select sum(failed) from pg_temp.told)::int, 14, 'One re-opened is taken back.');
select is((select sum(seconds) from pg_temp.told)::numeric, 600.0,
  'Durations are told in seconds, once they are rolled up.');
select is((select sum(n::int) from pg_temp.told, json_array_elements_text(counts) as n)::int, 60,
  'Each is in a bin,');
select ok((select bool_and(value::float between 9.5 and 10.5) from json_each_text(
  tocsin.scrape_metrics() -> 'bin_seconds')), 'and each bin says what it stands for.');

select * from finish();
rollback;
