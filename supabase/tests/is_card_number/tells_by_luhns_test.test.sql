begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

select is(tocsin_internal.is_card_number(text), wanted, text) from (values
  ('4111111111111111', true), ('4111111111111112', false), ('4111 1111 1111 1111', true),
  ('378282246310005', true), ('411111111111', false), ('', false), ('none', false),
  ('00000000000000000000', false)
) as c (text, wanted);

select * from finish();
rollback;
