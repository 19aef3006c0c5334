begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select cron.schedule('hosts-own', '* * * * *', 'select 1');
insert into cron.job_run_details (jobid, runid, status, start_time, end_time)
select jobid, row_number() over (), 'succeeded', ended, ended
from cron.job cross join unnest(array['2026-03-01 10:00Z', '2026-03-04 09:00Z']::timestamptz[])
  as ended;
select from tocsin_internal.maintain('2026-03-04 10:00Z');

select bag_eq($$
  select j.jobname::text, d.end_time from cron.job_run_details d join cron.job j using (jobid)
$$, $$
  values ('tocsin-heart', '2026-03-04 09:00Z'::timestamptz), ('tocsin-upkeep', '2026-03-04 09:00Z'),
    ('hosts-own', '2026-03-04 09:00Z'), ('hosts-own', '2026-03-01 10:00Z')
$$, 'What the heart leaves in job_run_details is removed after a day; the host''s rows stay.');

select * from finish();
rollback;
