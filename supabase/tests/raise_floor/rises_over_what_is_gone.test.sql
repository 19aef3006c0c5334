begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
create function floor_now() returns bigint language sql as $$
  select floor from tocsin_internal.outcome_floor
$$;
create function last_drawn() returns bigint language sql as $$
  select last_value from tocsin_internal.run_outcomes_outcome_id_seq
$$;

insert into runs select n, 'failed' from generate_series(1, 9000) as n;
select from tocsin_internal.roll_up();
select is(floor_now(), 0::bigint, 'It rises in steps of 10,000 ids: not yet.');

insert into runs select n, 'failed' from generate_series(9001, 10001) as n;
select from tocsin_internal.raise_floor();
select is(floor_now(), 0::bigint, 'It does not rise over what is still pending.');

select from tocsin_internal.roll_up();
select is(floor_now(), last_drawn() + 1, 'It rises over all that is gone.');

insert into runs values (10002, 'failed');
select is((select sum(failure_count) from tocsin.workflow_run_metrics), 10002::numeric,
  'What is appended later is above it, and read.');
select from tocsin_internal.roll_up();
select results_eq('select failure_count from tocsin.workflow_run_metrics',
  array[10002::bigint], 'And taken.');

delete from tocsin_internal.outcome_floor;
insert into runs values (10003, 'failed');
select is(tocsin_internal.roll_up(), 1::bigint, 'Without a floor, all is looked through.');

select * from finish();
rollback;
