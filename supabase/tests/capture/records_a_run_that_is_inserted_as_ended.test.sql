begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, workflow_id text, project_id int,
  started_at timestamptz, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', 'sync', 7, '2026-03-01 10:00Z', '2026-03-01 10:05Z');

select results_eq($$
  select source_id, run_id, project_id, workflow_id, outcome, sign::int, signal, started_at,
    finished_at
  from tocsin_internal.run_outcomes
$$, $$
  values ('runs', '1', '7', 'sync', 'failed', 1, null::text, '2026-03-01 10:00Z'::timestamptz,
    '2026-03-01 10:05Z'::timestamptz)
$$, 'A run that is written down when it is over is one outcome, told in full.');

select * from finish();
rollback;
