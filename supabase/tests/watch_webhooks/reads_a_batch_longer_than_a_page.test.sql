begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

delete from tocsin_internal.watchers;
delete from net._http_response;
delete from net.http_request_queue;
delete from tocsin.webhooks;
select tocsin_internal.watch_webhooks('2026-03-01 12:00Z');
-- one transaction of the worker: all rows have its time, in no order of ids
insert into net._http_response (id, status_code, created)
select n, case when n % 100 = 0 then 500 else 200 end, '2026-03-01 12:00:10Z'
from generate_series(1, 2500) as n order by random();
select is(tocsin_internal.watch_webhooks('2026-03-01 12:00:15Z'), 2500::bigint,
  'All rows of one time are read,');
select is(tocsin_internal.watch_webhooks('2026-03-01 12:00:20Z'), 0::bigint, 'once.');
select results_eq('select request_count, failure_count from tocsin.webhook_metrics',
  $$values (2500, 25)$$, 'They are counted once,');
select is((select count(distinct run_id) from tocsin_internal.reported_errors), 25::bigint,
  'and each failure is told.');

select * from finish();
rollback;
