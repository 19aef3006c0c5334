begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

select throws_ok($$select tocsin.watch_runs('auth.users', p_options => '{"status": "role"}')$$,
  'TC002', null, 'A table can only be watched by who owns it.');

create role app nologin;
create table public.app_runs (id int primary key, status text);
do $$ begin execute format('grant app to %I with inherit false, set true', current_user); end $$;
grant create on schema public to app;
grant authenticated to app;
alter table public.app_runs owner to app;

create function pg_temp.hint() returns text language plpgsql as $$
declare
  v_hint text;
begin
  perform tocsin.watch_runs('public.app_runs');
exception when sqlstate 'TC002' then
  get stacked diagnostics v_hint = pg_exception_hint;
  return v_hint;
end
$$;
select is(pg_temp.hint(), format('If you trust that role: grant app to %1$s; and run this again. '
  'Or give the table to %1$s: alter table public.app_runs owner to %1$s;', current_user),
  'The hint names what helps.');
set local role app;
select throws_ok($$select tocsin.watch_runs('public.app_runs')$$, '42501', null,
  'Its owner cannot watch it either: watching is for the owner of Tocsin.');
reset role;
do $$ begin execute format('grant app to %I with inherit true', current_user); end $$;
select is((tocsin.watch_runs('public.app_runs')).source_id, 'app_runs', 'And it does help.');

select * from finish();
rollback;
