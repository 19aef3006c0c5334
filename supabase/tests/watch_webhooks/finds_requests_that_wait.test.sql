begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

delete from tocsin_internal.watchers;
delete from net._http_response;
delete from net.http_request_queue;
create or replace function tocsin_internal.is_net_up() returns boolean
language sql stable set search_path = '' as $$ select current_setting('t.up', true) = 'yes' $$;
set local t.up = 'yes';
create function pg_temp.waits(out waiting_count int, out oldest_seconds float8, out is_up boolean)
language sql as $$
  select waiting_count, oldest_seconds, is_up from tocsin.request_waits
  order by minute desc limit 1$$;

select tocsin_internal.watch_webhooks('2026-03-01 12:00Z');
select is_empty('select from tocsin.request_waits', 'While nothing waits nothing is kept.');
select net.http_get('https://example.com/?secret=1') from generate_series(1, 3);
select tocsin_internal.watch_webhooks('2026-03-01 12:00:05Z');
select tocsin_internal.watch_webhooks('2026-03-01 12:01:05Z');
select results_eq('select * from pg_temp.waits()', $$values (3, 60::float8, true)$$,
  'How many wait is kept, and since when the oldest was seen.');
select results_eq('select distinct method, url from tocsin_internal.waiting_requests',
  $$values ('GET', 'https://example.com/')$$, 'Their URLs are kept without secrets.');
delete from net.http_request_queue;
select tocsin_internal.watch_webhooks('2026-03-01 12:01:10Z');
select is_empty('select from tocsin_internal.waiting_requests',
  'Those that are gone are forgotten.');

set local t.up = 'no';
select tocsin_internal.watch_webhooks('2026-03-01 12:02Z');
select results_eq('select * from pg_temp.waits()', $$values (0, 0::float8, false)$$,
  'A worker that is not there is kept,');
set local t.up = 'yes';
select tocsin_internal.watch_webhooks('2026-03-01 12:02:05Z');
select results_eq('select * from pg_temp.waits()', $$values (0, 0::float8, true)$$,
  'unless it comes back within the minute.');

select * from finish();
rollback;
