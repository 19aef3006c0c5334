begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text, note text, started_at timestamptz,
  finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', 'one', now() + interval '1 second',
  now() + interval '3 seconds');
create function pg_temp.captured() returns setof text language sql as $$
  with taken as (delete from tocsin_internal.run_outcomes returning *)
  select concat_ws(' ', sign, is_move, extract(epoch from finished_at - started_at)::int)
  from taken order by outcome_id$$;

select results_eq('select pg_temp.captured()', array['1 2'], 'It ended after two seconds.');
update runs set note = 'another';
select is_empty('select pg_temp.captured()', 'A note moves nothing,');
update runs set started_at = now() + interval '2 seconds';
select results_eq('select pg_temp.captured()', array['-1 t 2', '1 t 1'],
  'another start does: its duration is another,');
update runs set finished_at = now() + interval '9 seconds';
select results_eq('select pg_temp.captured()', array['-1 t 1', '1 t 7'], 'and another finish.');

select * from finish();
rollback;
