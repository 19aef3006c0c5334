begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
create function floor_now() returns bigint language sql as $$
  select floor from tocsin_internal.outcome_floor
$$;

-- a session that keeps ids in stock
alter sequence tocsin_internal.run_outcomes_outcome_id_seq cache 20;
insert into runs select n, 'failed' from generate_series(1, 12000) as n;
select from tocsin_internal.roll_up();
select is(floor_now(), 0::bigint, 'It stays where sessions keep ids in stock.');
alter sequence tocsin_internal.run_outcomes_outcome_id_seq cache 1;
select from tocsin_internal.raise_floor();
select cmp_ok(floor_now(), '>', 12000::bigint, 'It rises where they do not.');

-- the sequence is set back
select from setval('tocsin_internal.run_outcomes_outcome_id_seq', 100);
insert into runs values (12001, 'failed');
select from tocsin_internal.roll_up();
select is(floor_now(), 0::bigint, 'It falls when ids are drawn again.');
select is(tocsin_internal.roll_up(), 1::bigint, 'So what was appended since is taken.');

-- rows are copied in with ids of their own
select from setval('tocsin_internal.run_outcomes_outcome_id_seq', 50000);
insert into runs values (12002, 'failed');
select from tocsin_internal.roll_up();
select is(floor_now(), 50002::bigint, 'It rises again.');
insert into tocsin_internal.run_outcomes (outcome_id, source_id, run_id, outcome, sign, finished_at)
  overriding system value values (40, 'runs', '12003', 'failed', 1, clock_timestamp());
select from tocsin_internal.roll_up(clock_timestamp() + interval '61 minutes');
select is(floor_now(), 40::bigint, 'Each hour it is looked below, and falls to what is there.');
select is((select message from tocsin_internal.stage_faults), 'Outcomes appeared below the floor',
  'And that is told.');
select from tocsin_internal.roll_up(clock_timestamp() + interval '61 minutes');
select is((select sum(failure_count) from tocsin.workflow_run_metrics), 12003::numeric,
  'Nothing is lost.');

select * from finish();
rollback;
