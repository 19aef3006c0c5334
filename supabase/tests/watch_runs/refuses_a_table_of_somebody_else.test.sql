begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select throws_ok($$select tocsin.watch_runs('auth.users', p_options => '{"status": "role"}')$$,
  'TC002', null, 'A table can only be watched by who owns it.');

select * from finish();
rollback;
