begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create function pg_temp.answered(p_id bigint, p_at timestamptz) returns void language sql
as $$ insert into net._http_response (id, status_code, created) values (p_id, 500, p_at) $$;

select tocsin_internal.watch_webhooks('2032-03-04 10:00Z');
select net.http_post('https://example.com/hook');
select net.http_post('https://example.com/hook');
select tocsin.label_request(max(id), 'billing', 'p') from net.http_request_queue;
update tocsin_internal.request_labels set labeled_at = '2032-03-04 10:00:01Z';
select tocsin_internal.watch_webhooks('2032-03-04 10:00:05Z');
create temp table labeled as select max(id) as id from net.http_request_queue;

-- a crash: the tables of pg_net are empty, and ids begin again
delete from net.http_request_queue;
select setval(pg_get_serial_sequence('net.http_request_queue', 'id'), 1, false);
select net.http_post('https://example.com/other');
select tocsin_internal.watch_webhooks('2032-03-04 10:00:10Z');
delete from net.http_request_queue;
select pg_temp.answered(id, '2032-03-04 10:00:12Z') from labeled;
select tocsin_internal.watch_webhooks('2032-03-04 10:00:15Z');
select is_empty($$select from tocsin.webhooks where project_id = 'p'$$,
  'What was said of a request is said of no other that has its id after a crash.');

select tocsin.label_request(id, 'billing', 'p') from labeled;
update tocsin_internal.request_labels set labeled_at = '2032-03-04 10:00:16Z';
select pg_temp.answered(id, '2032-03-04 10:00:17Z') from labeled;
select tocsin_internal.watch_webhooks('2032-03-04 10:00:20Z');
select results_eq($$select name, failures_in_row from tocsin.webhooks where project_id = 'p'$$,
  $$values ('billing', 1)$$, 'What is said of that one is.');

select * from finish();
rollback;
