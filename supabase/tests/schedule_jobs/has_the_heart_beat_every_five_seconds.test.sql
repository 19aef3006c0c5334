begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select results_eq($$
  select jobname::text, schedule, command, active from cron.job where jobname like 'tocsin%'
  order by jobname
$$, $$
  values ('tocsin-heart', '5 seconds', tocsin_internal.beat_command(), true),
    ('tocsin-upkeep', '7 * * * *', tocsin_internal.upkeep_command(), true)
$$, 'The migrations schedule the heart and the upkeep.');
select cron.schedule('tocsin-heart', '* * * * *', 'select 1');
select from tocsin_internal.schedule_jobs();
select results_eq($$
  select schedule, command = tocsin_internal.beat_command() from cron.job
  where jobname = 'tocsin-heart'
$$, $$values ('5 seconds', true)$$, 'Scheduling again brings a job up to date.');

select * from finish();
rollback;
