begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select from tocsin_internal.run_stage('roll_up', '2026-03-04 10:00Z');
select from tocsin_internal.run_stage('roll_up', '2026-03-04 10:01Z');

select results_eq($$
  select stage, last_run_at, last_result, last_duration_ms >= 0 from tocsin_internal.stages
$$, $$values ('roll_up', '2026-03-04 10:01Z'::timestamptz, 0::bigint, true)$$,
  'Each stage has one row, which says when it last ran and what it handled.');

select * from finish();
rollback;
