begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(14);

select is(tocsin_internal.redact(said), told, said) from (values
  ('Authorization: Bearer abcdefghijklmnop', 'Authorization: Bearer [redacted:credentials]'),
  ('Authorization: Basic dXNlcjpwYXNzd29yZA==', 'Authorization: Basic [redacted:credentials]'),
  ('authorization: Token 9944b09199c62bcf9418ad84',
    'authorization: Token [redacted:credentials]'),
  ('"Authorization":"Bearer abcdef"', '"Authorization":[redacted:secret]'),
  ('{\"Authorization\":\"Basic dXNlcjpw\"}', '{\"Authorization\":[redacted:secret]}'),
  ('sent bearer eW91LWZvdW5kLW1l', 'sent bearer [redacted:credentials]'),
  ('sent Basic dXNlcjpwYXNzd29yZA==', 'sent Basic [redacted:credentials]'),
  ('Cookie: a=1; session=xyz', 'Cookie: [redacted:secret]'),
  ('Set-Cookie: sid=abc; Path=/', 'Set-Cookie: [redacted:secret]'),
  ('postgres://app:hunter2@db:5432/x', 'postgres://app:[redacted:password]@db:5432/x'),
  ('postgres://app:p@ss@db:5432/x', 'postgres://app:[redacted:password]@db:5432/x'),
  ('redis://:hunter2@cache', 'redis://:[redacted:password]@cache'),
  ('https://x.example/?token=abc&page=2', 'https://x.example/?token=[redacted:secret]&page=2'),
  ('?X-Amz-Signature=fe5f80f77d&x=1', '?X-Amz-Signature=[redacted:secret]&x=1')
) as c (said, told);

select * from finish();
rollback;
