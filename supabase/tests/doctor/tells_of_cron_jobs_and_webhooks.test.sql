begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

delete from tocsin.cron_jobs;
delete from tocsin.webhooks;
create function pg_temp.found(p_check text) returns table (status text, detail text, hint text)
language sql as $$
  select status, detail, hint from tocsin.doctor() where check_name = p_check$$;

select results_eq($$select * from pg_temp.found('cron jobs')$$,
  $$values ('ok', 'None of them fails or is missed.', null)$$, 'While all is well it says so.');
select results_eq($$select * from pg_temp.found('webhooks')$$,
  $$values ('ok', 'None of them fails.', null)$$, 'Of webhooks as well.');

insert into tocsin.cron_jobs (job_id, job_name, schedule, plan, is_active, scheduled_since,
  watched_since, failures_in_row, last_message, next_due_at, last_finished_at)
select n, 'job ' || n, '0 3 * * *', tocsin_internal.parse_cron('0 3 * * *'), true, now(), now(),
  case when n < 7 then 1 else 0 end, 'disk full',
  case n when 1 then '2026-03-01 03:00Z'::timestamptz else now() + interval '1 hour' end, now()
from generate_series(1, 7) as n;
select results_eq($$select status, detail from pg_temp.found('cron jobs')$$,
  $$values ('warn', 'job 1: It was due 2026-03-01 03:00:00 UTC and has not begun.; '
    'job 2: 1 failure in a row: disk full; job 3: 1 failure in a row: disk full; '
    'job 4: 1 failure in a row: disk full; job 5: 1 failure in a row: disk full; and 1 more')$$,
  'Jobs that are missed or fail are named, five of them.');
insert into tocsin.webhooks (webhook_id, kind, name, failures_in_row, last_answered_at, last_error,
  first_seen_at) values ('1', 'labeled', 'crm', 3, now(), 'answered 500', now());
select results_eq($$select status, detail from pg_temp.found('webhooks')$$,
  $$values ('warn', 'crm: 3 failures in a row: answered 500')$$, 'So is a webhook that fails.');

-- no worker of these in the databases of tests, and an old one where they run on the real thing
select results_eq($$
  select case h.part when 'pg_cron' then 'cron scheduler' else 'webhook worker' end,
    case h.status when 'ok' then 'ok' else 'warn' end, h.reason
  from tocsin.platform_health h order by 1
$$, $$
  select check_name, status, detail from tocsin.doctor()
  where check_name in ('cron scheduler', 'webhook worker') order by 1
$$, 'Whether the scheduler and the worker run is told beside what follows from it.');
select isnt_empty($$select from tocsin.platform_health where version <> '' and part = 'pg_net'$$,
  'With the version that is there.');

select * from finish();
rollback;
