begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

select from tocsin.setup('http://127.0.0.1:1/functions/v1');
update tocsin_internal.installation set last_doorbell_id = 4711, last_doorbell_at = now(),
  last_api_call_at = now();

create function pg_temp.answers(p_status int, p_content text) returns table (said text)
language plpgsql as $$
begin
  delete from net._http_response where id = 4711;
  insert into net._http_response (id, status_code, content) values (4711, p_status, p_content);
  return query select format('%s: %s / %s', status, detail, hint) from tocsin.doctor()
    where check_name = 'tocsin-notify answers';
end
$$;

select results_eq($$select pg_temp.answers(202, '{"accepted": true}')$$,
  array['ok: Status 202 / '], 'An accepted ring is fine.');
select results_eq($$
  select pg_temp.answers(503, '{"error": {"message": "It refused.", "hint": "Deploy again."}}')
$$,
  array['fail: Status 503 It refused. / Deploy again.'],
  'The function''s own message and hint are shown.');
select matches((select said from pg_temp.answers(500, '{"error": {"message": "It failed."}}')),
  '^fail: Status 500 It failed\. / supabase functions deploy', 'Without a hint there is another.');
select matches((select said from pg_temp.answers(502, '<html>Bad gateway')),
  '^fail: Status 502 <html>Bad gateway / supabase functions deploy',
  'What is not JSON is shown as it is.');
select matches((select said from pg_temp.answers(500, '{"error": "\u0000"}')),
  '^fail: Status 500', 'JSON that Postgres cannot hold is no trouble.');
select matches((select said from pg_temp.answers(500, repeat('[', 100000))),
  '^fail: Status 500', 'Nor is JSON that is too deep.');
select matches((select said from pg_temp.answers(404, null)),
  '^fail: Status 404 / supabase functions deploy tocsin-notify$', 'Nor is nothing at all.');

select * from finish();
rollback;
