begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(26);

select is(concat_ws(' ', coalesce(u.exception, '-'), coalesce(u.sqlstate, '-'),
  coalesce(u.http_status::text, '-')), wanted, said)
from (values
  ('TypeError: x is not a function', 'TypeError - -'),
  ('TypeError [ERR_INVALID_ARG_TYPE]: x', 'TypeError - -'),
  ('Uncaught (in promise) RangeError: x', 'RangeError - -'),
  ('requests.exceptions.ConnectionError: x', 'ConnectionError - -'),
  ('PostgresError: x', 'PostgresError - -'),
  ('panic: runtime error', 'panic - -'),
  ('No Error here: at all', '- - -'),
  ('error: x', '- - -'),
  ('ERROR: x (SQLSTATE 23505)', '- 23505 -'),
  ('SQLSTATE[42P01]: x', '- 42P01 -'),
  ('{code: "PGRST116"}', '- PGRST116 -'),
  ('x, code: 40001', '- 40001 -'),
  ('code: 12345', '- - -'),
  ('HTTP 502 Bad Gateway', '- - 502'),
  ('HTTP/1.1 503', '- - 503'),
  ('Request failed with status code 404', '- - 404'),
  ('Error: 500 Internal Server Error', 'Error - 500'),
  ('401 Unauthorized', '- - 401'),
  ('status: 429', '- - 429'),
  ('{"statusCode":413}', '- - 413'),
  ('Edge Function returned a 503', '- - -'),
  ('order 404 took 500 ms', '- - -'),
  ('at file.js:404:500', '- - -'),
  ('took 450 ms, got 502', '- - 502'),
  ('HTTP 200', '- - -'),
  (null, '- - -')
) as c (said, wanted)
cross join lateral tocsin_internal.understand_text(said, said) as u;

select * from finish();
rollback;
