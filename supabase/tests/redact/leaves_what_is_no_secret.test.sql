begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(39);

select is(tocsin_internal.redact(said), said, said) from (values
  ('Unexpected token: <'), ('Unexpected token < in JSON at position 0'),
  ('Unexpected token = in JSON'), ('Unexpected token: "}" at 1:204817'),
  ('the password is wrong'), ('password: incorrect'), ('"password": null'), ('csrf token mismatch'),
  ('invalid token provided'), ('token == expected'), ('secretary=Ann'), ('secretary: Ann-Marie1'),
  ('tokenizer: 12345678'), ('passwordless=1'), ('nonsecret=1'), ('secret_id=5'),
  ('broken=12345678'),
  ('Basic authentication failed'), ('basic understanding'), ('Bearer authentication required'),
  ('WWW-Authenticate: Bearer realm="x"'), ('authorization: denied'),
  ('authorization: required permission missing'), ('cookie: missing'),
  ('6a2f4c1e-4111-1111-1111-111111111111'), ('41111111-1111-1111-8111-111111111111'),
  ('00000000-0000-0000-0000-000000000000'), ('at 1700000000000 ms'), ('row 4111111111111112'),
  ('12345678901234567890123'), ('2026-03-04 10:00:00.123456+00'), ('+49 30 1234567890'),
  ('https://example.com:8080/path?a=b#c'), ('mailto:a@b.example'), ('a@b.example, c@d.example'),
  ('sk-learn 1.4'), ('re_try after 5 s'), ('ERROR: key (id)=(42) already exists'), ('key=value')
) as c (said);

select * from finish();
rollback;
