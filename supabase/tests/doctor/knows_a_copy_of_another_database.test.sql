begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

select from tocsin.setup('https://old.supabase.co/functions/v1');
create function pg_temp.said() returns text language sql as $$
  select concat_ws(' → ', status, substring(hint from '^select tocsin.setup'))
  from tocsin.doctor() where check_name = 'tocsin-notify answers'
$$;
update tocsin_internal.installation
set last_doorbell_id = 7, last_doorbell_at = now(), last_api_call_at = now() - interval '1 day';
insert into net._http_response (id, status_code, content) values (7, 202, '{"accepted": true}');
select is(pg_temp.said(), 'fail → select tocsin.setup',
  'It answered, but the call that it makes came to another database: this is a copy.');
update tocsin_internal.installation set last_api_call_at = now();
select is(pg_temp.said(), 'ok', 'When the call came here, all is well.');

update tocsin_internal.installation set last_api_call_at = now() - interval '1 day';
select from tocsin.setup('https://new.supabase.co/functions/v1');
select results_eq($$select url from net.http_request_queue order by id desc limit 1$$,
  array['https://new.supabase.co/functions/v1/tocsin-notify'], 'It rings the new address');
select is(pg_temp.said(), 'ok', 'and forgets what the other one answered.');

select * from finish();
rollback;
