begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select matches(tocsin_internal.upkeep_command(), '; select tocsin_internal\.maintain\(\)$',
  'The upkeep is maintain(),');
-- whatever calls these holds the locks of a table, which the heart waits for, until it commits
select is_empty($$
  select p.proname from pg_proc p
  where p.pronamespace = 'tocsin_internal'::regnamespace
    and p.proname = any (tocsin_internal.upkeep_steps())
    and p.prosrc ~ 'tocsin_internal\.(make|drop)_partitions\('
    and position(format('select tocsin_internal.run_upkeep_step(''%s''); commit;', p.proname)
      in tocsin_internal.upkeep_command()) = 0
$$, 'after each step that makes or drops partitions, which are committed before it.');

select * from finish();
rollback;
