begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select from tocsin.setup('https://x.example/functions/v1');
create temp table token as
select tocsin_internal.read_secret(id) as token from vault.secrets
where name = 'tocsin_doorbell_token';

select is(tocsin.check_doorbell(token), true, 'The token that the database rings with opens.')
from token;
select is(tocsin.check_doorbell(token || 'x'), false, 'Another one does not,') from token;
select is(tocsin.check_doorbell(''), false, 'nor an empty one,');
select is(tocsin.check_doorbell(null), false, 'nor none.');
select is_empty($$
  select from tocsin_internal.doorbell_tokens, token where token_hash = convert_to(token, 'UTF8')
$$, 'The token itself is not kept where it is checked.');

select * from finish();
rollback;
