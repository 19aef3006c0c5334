begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create or replace function tocsin_internal.look_up_names(
  p_now timestamptz default clock_timestamp(), p_limit int default 500
)
returns bigint language sql set search_path = ''
as $$ select extract(epoch from current_setting('lock_timeout')::interval)::bigint $$;
select is(tocsin_internal.run_stage('look_up_names', '2026-03-04 10:00Z'), 2::bigint,
  'A stage waits two seconds for a lock, whatever the role does: others wait behind it.');

create or replace function tocsin_internal.look_up_names(
  p_now timestamptz default clock_timestamp(), p_limit int default 500
)
returns bigint language sql set search_path = ''
as $$ select count(*) from pg_sleep(60) $$;
set local statement_timeout = '200ms';
select is(tocsin_internal.run_stage('look_up_names', '2026-03-04 10:01Z'), null,
  'A stage that the time limit of statements ends does not end the beat:');
set local statement_timeout = 0;
select results_eq($$select stage, error_code from tocsin_internal.stage_faults$$,
  $$values ('look_up_names', '57014')$$, 'it leaves a fault, as one that fails.');

select * from finish();
rollback;
