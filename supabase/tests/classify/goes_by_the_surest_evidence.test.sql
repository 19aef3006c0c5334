begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(30);

select is(c.rule || ' ' || c.error_type || ' ' || c.severity, told, said)
from (values
  ('23505', null, null, 'x', 'sqlstate_input input low'),
  ('57014', 500, null, 'x', 'sqlstate_timeout timeout medium'),
  ('08006', null, null, 'x', 'sqlstate_network network medium'),
  ('42501', null, null, 'x', 'sqlstate_auth auth medium'),
  ('53100', null, null, 'x', 'sqlstate_system system high'),
  ('42P01', null, null, 'x', 'sqlstate_execution execution medium'),
  ('PGRST116', null, null, 'x', 'sqlstate_input input low'),
  ('PGRST301', null, null, 'x', 'sqlstate_auth auth medium'),
  (null, 504, null, 'not found', 'http_gateway_timeout timeout medium'),
  (null, 401, null, 'x', 'http_auth auth medium'),
  (null, 429, null, 'x', 'http_rate_limit rate_limit low'),
  (null, 422, null, 'x', 'http_input input low'),
  (null, 503, 'TypeError', 'x', 'http_dependency dependency medium'),
  (null, null, 'TimeoutError', 'x', 'exception_timeout timeout medium'),
  (null, null, 'ZodError', 'x', 'exception_input input low'),
  (null, null, 'AuthApiError', 'Invalid login', 'exception_auth auth medium'),
  (null, null, 'TypeError', 'TypeError: fetch failed', 'message_network network medium'),
  (null, null, 'TypeError', 'x.map is not a function', 'message_execution execution medium'),
  (null, null, 'TypeError', 'x', 'exception_execution execution medium'),
  (null, null, 'Error', 'Rate limit reached for gpt', 'message_rate_limit rate_limit low'),
  (null, null, null, 'connect ECONNREFUSED 127.0.0.1:5432', 'message_network network medium'),
  (null, null, null, 'statement timed out', 'message_timeout timeout medium'),
  (null, null, null, 'JWT expired', 'message_auth auth medium'),
  (null, null, null, 'JavaScript heap out of memory', 'message_system system high'),
  (null, null, null, 'upstream sent garbage', 'message_dependency dependency medium'),
  (null, null, null, 'relation "x" does not exist', 'message_execution execution medium'),
  (null, null, null, 'email is required', 'message_input input low'),
  (null, null, 'WeirdError', 'x', 'exception execution medium'),
  (null, null, null, 'something odd', 'nothing_known unknown medium'),
  (null, null, null, null, 'nothing_known unknown medium')
) as e (state, status, name, said, told)
cross join lateral tocsin_internal.classify('worker', 'report', state, status, name, said) as c;

select * from finish();
rollback;
