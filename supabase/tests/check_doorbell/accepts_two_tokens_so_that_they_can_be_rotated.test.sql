begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create function pg_temp.rotate() returns text language plpgsql as $$
begin
  delete from vault.secrets where name = 'tocsin_doorbell_token';
  perform tocsin.setup();
  return (select tocsin_internal.read_secret(id) from vault.secrets
    where name = 'tocsin_doorbell_token');
end
$$;
create temp table token (number int, token text);
insert into token values (1, pg_temp.rotate());
insert into token values (2, pg_temp.rotate());
select results_eq($$select tocsin.check_doorbell(token) from token order by number$$,
  array[true, true], 'After a rotation the old token still opens: a doorbell may be on its way.');
insert into token values (3, pg_temp.rotate());

select results_eq($$select tocsin.check_doorbell(token) from token order by number$$,
  array[false, true, true], 'After the next one it does not.');
select from tocsin.setup();
select results_eq($$select tocsin.check_doorbell(token) from token order by number$$,
  array[false, true, true], 'Setting up again rotates nothing.');

select * from finish();
rollback;
