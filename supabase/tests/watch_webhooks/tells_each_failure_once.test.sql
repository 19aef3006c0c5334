begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

delete from tocsin_internal.watchers;
delete from net._http_response;
delete from net.http_request_queue;
delete from tocsin.webhooks;
create table public.orders (id int primary key);
create trigger notify_shipping after insert on public.orders for each row
  execute function supabase_functions.http_request(
    'https://shop.example/hooks?key=s3cret', 'POST', '{}', '{}', '2000');
-- What the worker of pg_net does with all that waits.
create function pg_temp.answer(p_status int, p_error text, p_at timestamptz) returns void
language sql as $$
  with taken as (delete from net.http_request_queue returning id)
  insert into net._http_response (id, status_code, content, timed_out, error_msg, created)
  select id, p_status, case when p_status >= 400 then 'no such key: sk_live_51H8xyzABCDEFGHIJKLMN'
    end, p_error ~ 'Timeout', p_error, p_at from taken$$;
create function pg_temp.watch(p_at timestamptz) returns bigint language sql as $$
  select tocsin_internal.watch_webhooks(p_at)$$;

insert into net._http_response (id, status_code, created) values (1, 500, '2026-03-01 11:00Z');
select is(pg_temp.watch('2026-03-01 12:00Z'), 0::bigint, 'What was answered before is not told.');

insert into public.orders values (1);
update supabase_functions.hooks set created_at = '2026-03-01 12:00:58Z';
select pg_temp.answer(500, null, '2026-03-01 12:01Z');
select is(pg_temp.watch('2026-03-01 12:01:05Z'), 1::bigint, 'An answer is read,');
select is(pg_temp.watch('2026-03-01 12:01:10Z'), 0::bigint, 'once.');
select results_eq($$
  select timestamp, source, component, source_id, workflow_id, http_status, message !~ 'sk_live',
    message like 'POST https://shop.example/hooks answered 500: no such key%', metadata
  from tocsin_internal.reported_errors
$$, $$values ('2026-03-01 12:01Z'::timestamptz, 'webhook', 'pg_net', 'pg_net',
  'notify_shipping on public.orders', 500, true, true, '{"webhook":
  "notify_shipping on public.orders", "kind": "database_webhook", "table": "public.orders",
  "url": "https://shop.example/hooks", "method": "POST"}'::jsonb)$$,
  'It is one failure event, with the webhook''s name, the status, and no secret.');

-- a crash empties the tables, and ids begin again
delete from net._http_response;
insert into net._http_response (id, status_code, created)
select request_id, 200, '2026-03-01 12:30Z' from supabase_functions.hooks;
select pg_temp.watch('2026-03-01 12:30:05Z');
select results_eq($$
  select name, failures_in_row, last_status_code from tocsin.webhooks order by 1
$$, $$values ('notify_shipping on public.orders', 1, 500), ('unknown requests of pg_net', 0, 200)$$,
  'An id that comes again is another request.');

select tocsin.label_request(net.http_get('https://erp.example/sync'), 'erp sync', 'p');
update tocsin_internal.request_labels set labeled_at = '2026-03-01 12:40Z';
select pg_temp.answer(null, 'Timeout of 5000 ms reached', '2026-03-01 12:40:05Z');
select pg_temp.watch('2026-03-01 12:40:10Z');
select results_eq($$
  select project_id, workflow_id, message from tocsin_internal.reported_errors
  where workflow_id = 'erp sync'
$$, $$values ('p', 'erp sync', 'The request: Timeout of 5000 ms reached')$$,
  'A time-out of a labeled request is told to its project.');

select net.http_post('https://seen.example/in');
select pg_temp.watch('2026-03-01 12:50Z');
select pg_temp.answer(null, 'Could not resolve host', '2026-03-01 12:50:02Z');
select pg_temp.watch('2026-03-01 12:50:05Z');
select results_eq($$
  select kind, url, status from tocsin.webhook_health where name = 'POST https://seen.example/in'
$$, $$values ('seen', 'https://seen.example/in', 'idle')$$,
  'One that was seen waiting has its URL.');
select is_empty('select from tocsin_internal.waiting_requests', 'It waits no more.');

insert into tocsin.webhooks (webhook_id, kind, name, first_seen_at)
select n, 'seen', n, now() from generate_series(1, 500) as n;
select net.http_post('https://seen.example/in'), net.http_post('https://seen.example/out');
select pg_temp.watch('2026-03-01 12:55Z');
select pg_temp.answer(200, null, '2026-03-01 12:55:02Z');
select pg_temp.watch('2026-03-01 12:55:05Z');
select results_eq($$select name from tocsin.webhooks where name ~ 'seen.example'$$,
  array['POST https://seen.example/in'],
  'With 500 of them, only those that are known keep theirs.');

insert into tocsin_internal.request_labels (request_id, labeled_at)
select net.http_post('https://ref.supabase.co/functions/v1/tocsin-notify'), '2026-03-01 13:00Z';
select pg_temp.answer(500, null, '2026-03-01 13:00Z');
select is(pg_temp.watch('2026-03-01 13:00:05Z'), 1::bigint, 'Tocsin''s own requests are read');
select is((select count(*) from tocsin_internal.reported_errors), 3::bigint, 'and not told.');

select * from finish();
rollback;
