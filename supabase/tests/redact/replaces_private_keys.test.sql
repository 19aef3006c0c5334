begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

select is(tocsin_internal.redact(E'key:\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n'
  '-----END RSA PRIVATE KEY-----\nis not valid'), E'key:\n[redacted:private_key]\nis not valid',
  'A private key goes, and what is said after it stays.');
select is(tocsin_internal.redact(
  '-----BEGIN PRIVATE KEY-----a-----END PRIVATE KEY----- and -----BEGIN EC PRIVATE KEY-----b'),
  '[redacted:private_key] and [redacted:private_key]', 'Each one goes, also one that is cut off.');
select is(tocsin_internal.redact('-----BEGIN CERTIFICATE-----MIIB'),
  '-----BEGIN CERTIFICATE-----MIIB', 'A certificate is no secret.');

select * from finish();
rollback;
