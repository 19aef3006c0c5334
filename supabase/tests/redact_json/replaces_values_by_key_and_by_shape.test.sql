begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(26);

select is(tocsin_internal.redact_metadata(said::jsonb), told::jsonb, said) from (values
  ('{"password": "hunter2", "user": "ann"}', '{"password": "[redacted:secret]", "user": "ann"}'),
  ('{"userPassword": 12345}', '{"userPassword": "[redacted:secret]"}'),
  ('{"access_token": "x"}', '{"access_token": "[redacted:secret]"}'),
  ('{"accessToken": ["a", "b"]}', '{"accessToken": "[redacted:secret]"}'),
  ('{"x-api-key": "abc"}', '{"x-api-key": "[redacted:secret]"}'),
  ('{"Authorization": "whatever"}', '{"Authorization": "[redacted:secret]"}'),
  ('{"cookies": {"sid": "abc"}}', '{"cookies": "[redacted:secret]"}'),
  ('{"sessionId": "abc"}', '{"sessionId": "[redacted:secret]"}'),
  ('{"a": {"b": [{"secret": "s"}]}}', '{"a": {"b": [{"secret": "[redacted:secret]"}]}}'),
  ('{"csrf_token": "t", "otp": 123456}',
    '{"csrf_token": "[redacted:secret]", "otp": "[redacted:secret]"}'),
  ('{"card": 4111111111111111}', '{"card": "[redacted:card]"}'),
  ('{"note": "paid with 4111 1111 1111 1111 today"}',
    '{"note": "paid with [redacted:card] today"}'),
  ('{"note": "DE89 3704 0044 0532 0130 00"}', '{"note": "[redacted:iban]"}'),
  ('{"url": "postgres://app:hunter2@db/x"}', '{"url": "postgres://app:[redacted:password]@db/x"}'),
  ('{"h": "Bearer abcdefghijklmnop"}', '{"h": "Bearer [redacted:credentials]"}'),
  ('{"body": "{\"password\":\"hunter22\"}"}', '{"body": "{\"password\":[redacted:secret]}"}'),
  ('{"password": null, "token": ""}', '{"password": null, "token": ""}'),
  ('{"tokenizer": "bpe", "author": "Ann", "secretary": "Bob", "keyboard": "de"}',
    '{"tokenizer": "bpe", "author": "Ann", "secretary": "Bob", "keyboard": "de"}'),
  ('{"key": "a", "token_count": 5, "passwordless": true, "monkey": "x"}',
    '{"key": "a", "token_count": 5, "passwordless": true, "monkey": "x"}'),
  ('{"order": 4111111111111112}', '{"order": 4111111111111112}'),
  ('{"note": "GB82 WEST 1234 5698 7654 31"}', '{"note": "GB82 WEST 1234 5698 7654 31"}'),
  ('{"session": {"user": 1}}', '{"session": "[redacted:secret]"}'),
  ('{"pin": 1234, "spin": 3, "pan": "x", "panel": "y"}',
    '{"pin": "[redacted:secret]", "spin": 3, "pan": "[redacted:secret]", "panel": "y"}'),
  ('"a text"', '{"value": "a text"}'),
  ('[1, 2]', '{"value": [1, 2]}'),
  ('{}', '{}')
) as c (said, told);

select * from finish();
rollback;
