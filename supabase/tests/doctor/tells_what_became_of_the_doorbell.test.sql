begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create function pg_temp.answer(p_code int, p_content text, p_error text) returns text
language plpgsql as $$
declare
  v_found text;
begin
  update tocsin_internal.installation set last_doorbell_id = 7,
    last_doorbell_at = '2026-03-04 10:00Z', last_api_call_at = '2026-03-04 10:00Z';
  delete from net._http_response;
  insert into net._http_response (id, status_code, content, error_msg, created)
  select 7, p_code, p_content, p_error, '2026-03-04 10:00:01Z'
  where p_code is not null or p_error is not null;
  select string_agg(check_name || ' → ' || hint, '; ') into v_found
  from tocsin.doctor('2026-03-04 10:05Z')
  where status = 'fail' and check_name in ('tocsin-notify answers', 'schema is exposed');
  return coalesce(v_found, 'ok');
end
$$;

select is(pg_temp.answer(202, '{}', null), 'ok', 'It answered.');
select matches(pg_temp.answer(404, 'not found', null),
  '^tocsin-notify answers → supabase functions deploy tocsin-notify$', 'It is not deployed.');
select matches(pg_temp.answer(401, 'no', null), '^tocsin-notify answers → .*verify_jwt',
  'Something before it wants a key.');
select matches(pg_temp.answer(null, null, 'timeout'), '^tocsin-notify answers → ',
  'No answer came.');
select matches(pg_temp.answer(null, null, null), '^tocsin-notify answers → ',
  'Nothing is known of an answer, five minutes later.');
select matches(pg_temp.answer(503, '{"error": {"code": "schema_not_exposed"}}', null),
  '^schema is exposed → Add tocsin under', 'It answered that it cannot reach the schema.');

select * from finish();
rollback;
