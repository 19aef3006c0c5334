begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select is(tocsin_internal.redact('card ' || card || ', declined'), 'card [redacted:card], declined',
  card)
from (values ('4111111111111111'), ('4111 1111 1111 1111'), ('5500-0000-0000-0004'),
  ('378282246310005'), ('6011111111111117')) as c (card);

select * from finish();
rollback;
