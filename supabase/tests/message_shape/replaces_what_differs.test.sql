begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(40);

select is(tocsin_internal.message_shape(said), told, said) from (values
  ('order 123 failed', 'order <n> failed'),
  ('order 123 failed after 30000 ms', 'order <n> failed after <n>'),
  ('took 1.5s, -3 left', 'took <n> left'),
  ('user 6a2f4c1e-4111-1111-1111-111111111111 gone', 'user <id> gone'),
  ('run run_8f3kd92ab gone', 'run <id> gone'),
  ('cus_NffrFeUfNV2Hib', '<id>'),
  ('at 0x7ffe12ab', 'at <id>'),
  ('commit 9f8e7d6c5b4a', 'commit <id>'),
  ('to ada@example.com refused', 'to <email> refused'),
  ('GET https://x.example/a?b=c failed', 'GET <url> failed'),
  ('postgres://a:b@c/d is down', '<url> is down'),
  ('column "foo" is "bar"', 'column foo is <value>'),
  ('can''t find ''x'', doesn''t matter', 'can''t find <value>, doesn''t matter'),
  ('unknown `field`', 'unknown <value>'),
  ('Key (email)=(a b) already exists', 'Key (email)=(<value>) already exists'),
  ('open /var/lib/x/y.txt failed', 'open <path> failed'),
  ('open ./a/b failed', 'open <path> failed'),
  ('GET /api/orders/12?x=1 404', 'GET <path> <n>'),
  ('open C:\Users\x\y', 'open <path>'),
  ('and/or HTTP/1.1 application/json', 'and/or HTTP/<n> application/json'),
  ('on 2026-03-04', 'on <date>'),
  ('at 2026-03-04T10:00:00.123Z it', 'at <date> it'),
  ('at 2026-03-04 10:00:00+02 it', 'at <date> it'),
  ('at Wed, 04 Mar 2026 10:00:00 GMT', 'at <date>'),
  ('10.0.0.1:5432 refused', '<n> refused'),
  ('fe80:0:0:1:2:3:4:5 refused', '<n> refused'),
  ('connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED <n>'),
  ('in std::vector at 10:22:33', 'in std::vector at <n>'),
  ('null value in column "a" of relation "b"', 'null value in column a of relation b'),
  ('no ''a_b'' column of ''c''', 'no a_b column of c'),
  ('property "17" of "x y"', 'property <value> of <value>'),
  ('undefined (reading ''map'')', 'undefined (reading map)'),
  ('The "path" argument. Received null', 'The path argument. Received <value>'),
  ('ids 1, 2, 3', 'ids <n>'),
  ('one of "a", "b" or "c"', 'one of <value>'),
  ('a   b' || chr(10) || 'c', 'a b c'),
  ('sha256 and utf8 and int4', 'sha<n> and utf<n> and int<n>'),
  ('authentication failed', 'authentication failed'),
  ('', ''),
  (null, null)
) as c (said, told);

select * from finish();
rollback;
