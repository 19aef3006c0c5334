begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

-- on Supabase postgres may make event triggers; on a plain server only a superuser may
create function nothing() returns event_trigger language plpgsql as $$ begin end $$;
create function pg_temp.may() returns boolean language plpgsql as $$
begin
  create event trigger of_no_use on ddl_command_end execute function public.nothing();
  drop event trigger of_no_use;
  return true;
exception when insufficient_privilege then
  return false;
end
$$;
select case when pg_temp.may() then is(tocsin.follow_changes(), true, 'It may.')
  else throws_ok($$select tocsin.follow_changes()$$, 'TC111', null, 'It says that it may not.') end;

select * from finish();
rollback;
