begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select cron.schedule('february', '0 0 30 2 *', 'select 1');
select tocsin_internal.watch_cron('2026-03-01 12:00Z');
select results_eq($$select status, reason from tocsin.cron_health where job_name = 'february'$$,
  $$values ('new', 'It has not run since it is watched, and its schedule is never due.')$$,
  'A schedule that is never due has no time to tell.');

select * from finish();
rollback;
