begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

delete from tocsin.cron_jobs;
delete from tocsin.cron_metrics;
delete from tocsin.webhooks;
insert into tocsin.cron_jobs (job_id, job_name, schedule, is_active, scheduled_since, watched_since,
  gone_at)
select n, 'job ' || n, '* * * * *', true, '2026-01-01Z', '2026-01-01Z',
  case n when 3 then '2026-03-01Z'::timestamptz end from generate_series(1, 3) as n;
-- the first runs each day, the second has not for long
insert into tocsin.cron_metrics (job_id, minute, last_started_at, run_count)
select 1, '2026-03-20Z'::timestamptz - n * interval '1 day', '2026-03-20Z', 1
from generate_series(0, 19) as n;
insert into tocsin.cron_metrics (job_id, minute, last_started_at, run_count)
values (2, '2026-02-01Z', '2026-02-01Z', 1), (2, '2026-02-02Z', '2026-02-02Z', 1);
insert into tocsin.webhooks (webhook_id, kind, name, last_answered_at, first_seen_at) values
  ('old', 'labeled', 'old', '2026-03-01Z', '2026-03-01Z'),
  ('new', 'labeled', 'new', '2026-03-19Z', '2026-03-01Z');
insert into tocsin.webhook_metrics
values ('old', '2026-03-01Z', 1, 0), ('new', '2026-03-01Z', 1, 0),
  ('new', '2026-03-19Z', 1, 0);
insert into tocsin.request_waits values ('2026-03-01Z', 1, 1, true), ('2026-03-19Z', 1, 1, true);
insert into tocsin_internal.request_labels (request_id, labeled_at) values (1, '2026-03-18Z'),
  (2, '2026-03-19 23:00Z');

select tocsin_internal.maintain('2026-03-20Z');
select results_eq($$select job_id, count(*), min(minute) from tocsin.cron_metrics group by 1$$,
  $$values (1::bigint, 11::bigint, '2026-03-10Z'::timestamptz), (2, 1, '2026-02-02Z')$$,
  'What jobs did is kept for nine days, and the last of each.');
select results_eq('select job_id from tocsin.cron_jobs order by 1',
  $$values (1::bigint), (2)$$, 'A job that is gone is forgotten.');
select results_eq('select webhook_id, minute from tocsin.webhook_metrics',
  $$values ('new', '2026-03-19Z'::timestamptz)$$, 'What webhooks did is kept for nine days.');
select results_eq('select webhook_id from tocsin.webhooks', array['new'],
  'A webhook that nobody calls is forgotten.');
select is((select count(*) from tocsin.request_waits), 1::bigint, 'So is what waited.');
select is((select request_id from tocsin_internal.request_labels where request_id <= 2), 2::bigint,
  'Labels are kept for a day.');
select is_empty($$select message from tocsin_internal.stage_faults$$, 'Nothing went wrong.');

select * from finish();
rollback;
