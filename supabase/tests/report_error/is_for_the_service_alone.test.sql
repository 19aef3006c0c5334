begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create function pg_temp.try(p_role text) returns text language plpgsql as $$
begin
  perform set_config('role', p_role, true);
  perform tocsin.report_error('system', 'x');
  return 'taken';
exception when others then
  return sqlstate;
end
$$;
select is(pg_temp.try('anon'), '42501', 'Somebody who is not signed in reports nothing,');
select is(pg_temp.try('authenticated'), '42501', 'nor does a user, who could name any project;');
select is(pg_temp.try('service_role'), 'taken', 'the service does.');

select * from finish();
rollback;
