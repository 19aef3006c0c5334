begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

select is(tocsin_internal.redact(once), once, once) from (
  select tocsin_internal.redact(said) as once from (values
    ('Authorization: Bearer abcdefghijklmnop, authorization=Basic dXNlcjpwYXNzd29yZA=='),
    ('password="a b" secret: hunter22 --token abc postgres://a:b@c'),
    ('Cookie: a=1; b=2'), ('{\"password\":\"hunter22\"}'), ('card 4111111111111111'),
    ('-----BEGIN PRIVATE KEY-----abc'), ('eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'),
    ('api_key = sk_' || 'live_abcdefghijk and whsec_' || repeat('Mf', 16))
  ) as c (said)
) as r;

select * from finish();
rollback;
