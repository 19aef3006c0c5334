begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(19);

select is(tocsin_internal.redact('with ' || key || ' it failed'), 'with [redacted:key] it failed',
  key)
from (values
  ('AKIA' || 'IOSFODNN7EXAMPLE'), ('AIza' || repeat('Sy5', 11) || 'ab'),
  ('ya29.' || repeat('a0Af', 6)),
  ('sk_' || 'live_abcdefghijk'), ('rk_' || 'test_abcdefghijk'),
  ('sk-' || 'proj-abcdefghijklmnopq'),
  ('ghp_' || repeat('a1', 18)), ('github_' || 'pat_' || repeat('a1', 18)),
  ('glpat-' || repeat('a1', 10)), ('npm_' || repeat('a1', 18)), ('xoxb-' || '123456789012-abc'),
  ('sb_' || 'secret_abcdefghij0123'), ('sbp_' || repeat('a1', 20)),
  ('SG.' || repeat('a', 22) || '.' || repeat('b', 43)), ('whsec_' || repeat('Mf', 16)),
  ('re_' || 'abcdef12_' || repeat('a1', 10))
) as c (key);
select is(tocsin_internal.redact('jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl!'),
  'jwt [redacted:jwt]!', 'A JSON web token.');
select is(tocsin_internal.redact('POST https://hooks.slack.com/services/T000/B000/XXXX 404'),
  'POST https://hooks.slack.com/services/[redacted:key] 404', 'An address that is a secret.');

select is(tocsin_internal.redact('schlüsselä' || 'AKIA' || 'ABCDEFGHIJKLMNOP' || 'é'),
  'schlüsselä[redacted:key]é', 'A key that touches a letter with an accent is replaced too.');

select * from finish();
rollback;
