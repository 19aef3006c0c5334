begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(21);

select is(tocsin_internal.redact(said), told, said) from (values
  ('password=hunter2', 'password=[redacted:secret]'),
  ('password = hunter2, user = ann', 'password = [redacted:secret], user = ann'),
  ('PASSWORD="a b c" next', 'PASSWORD=[redacted:secret] next'),
  ('DB_PASSWORD=xyz', 'DB_PASSWORD=[redacted:secret]'),
  ('x-api-key: 0123456789abcdef', 'x-api-key: [redacted:secret]'),
  ('api_key=abc123', 'api_key=[redacted:secret]'),
  ('{"password": "hunter two", "user": "ann"}', '{"password": [redacted:secret], "user": "ann"}'),
  ('{"password": "ab\"cd", "x": 1}', '{"password": [redacted:secret], "x": 1}'),
  ('{\"password\":\"hunter22\",\"a\":1}', '{\"password\":[redacted:secret],\"a\":1}'),
  ('{"secret":"cut in the mid', '{"secret":[redacted:secret]'),
  ('{''pwd'': ''x''}', '{''pwd'': [redacted:secret]}'),
  (':passwd => "x y", :a => 1', ':passwd => [redacted:secret], :a => 1'),
  ('password: hunter2', 'password: [redacted:secret]'),
  ('accessToken=abcd', 'accessToken=[redacted:secret]'),
  ('refreshToken: "abc"', 'refreshToken: [redacted:secret]'),
  ('client_secret=s3cr3t&grant=x', 'client_secret=[redacted:secret]&grant=x'),
  ('AccountKey=abc+/==;Endpoint=x', 'AccountKey=[redacted:secret];Endpoint=x'),
  ('otp: 123456', 'otp: [redacted:secret]'),
  ('"cvv": 123,', '"cvv": [redacted:secret],'),
  ('ssn: 123-45-6789', 'ssn: [redacted:secret]'),
  ('psql --password hunter2 -d x', 'psql --password [redacted:secret] -d x')
) as c (said, told);

select * from finish();
rollback;
