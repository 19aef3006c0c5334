begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

-- on Supabase postgres may; on a plain server only a superuser may
select case when (select rolsuper from pg_roles where rolname = current_user) then pass('It may.')
  else throws_ok($$select tocsin.follow_changes()$$, 'TC111', null, 'It says that it may not.') end;

select * from finish();
rollback;
