begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

insert into auth.users (id, email) values
  ('00000000-0000-4000-8000-00000000000a', 'operator@example.com'),
  ('00000000-0000-4000-8000-00000000000b', 'viewer@example.com');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-00000000000a');
insert into tocsin.project_members (project_id, user_id, role) values
  ('p', '00000000-0000-4000-8000-00000000000b', 'viewer');
delete from tocsin.cron_jobs;
delete from tocsin.webhooks;
insert into tocsin.cron_jobs (job_id, job_name, schedule, plan, is_active, scheduled_since,
  watched_since, last_started_at, next_due_at)
values (1, 'often', '*/10 * * * *', tocsin_internal.parse_cron('*/10 * * * *'), true,
  '2026-03-01Z', '2026-03-01Z', '2026-03-01 13:00Z', '2026-03-01 13:10Z');
-- it ran each ten minutes, but for half an hour; one failed, one was slow
insert into tocsin.cron_metrics (job_id, minute, last_started_at, run_count, failure_count,
  failures_in_row, most_failures_in_row, longest_ms, usual_ms)
select 1, at, at, 1, f, f, f, case when at = '2026-03-01 12:10Z' then 90000 else 1000 end, 1000
from generate_series('2026-03-01 09:50Z', '2026-03-01 13:00Z', interval '10 minutes') as at
cross join lateral (select case when at = '2026-03-01 10:30Z' then 1 else 0 end) as s (f)
where at not between '2026-03-01 11:00Z' and '2026-03-01 11:30Z';
insert into tocsin.webhooks (webhook_id, kind, name, project_id, first_seen_at) values
  ('1', 'labeled', 'crm', 'p', '2026-03-01Z'), ('2', 'labeled', 'erp', 'q', '2026-03-01Z');
insert into tocsin.webhook_metrics values ('1', '2026-03-01 12:20Z', 10, 2),
  ('2', '2026-03-01 12:20Z', 10, 2);

create function pg_temp.told(p_user text, p_setting jsonb) returns text language plpgsql as $$
declare
  v_told jsonb;
begin
  perform set_config('request.jwt.claims', json_build_object('sub', p_user)::text, true);
  perform set_config('role', 'authenticated', true);
  v_told := tocsin.backtest(p_setting, '2026-03-01 10:00Z', '2026-03-01 13:00Z', 'UTC',
    '2026-03-01 13:05Z');
  reset role;
  return (select string_agg(concat_ws(' ', a ->> 'workflow_id',
      to_char((a ->> 'fired_at')::timestamptz at time zone 'UTC', 'HH24:MI'),
      to_char((a ->> 'resolved_at')::timestamptz at time zone 'UTC', 'HH24:MI')), ', '
    order by a ->> 'workflow_id')
    from jsonb_array_elements(v_told -> 'alerts') as a);
end
$$;

select is(pg_temp.told('00000000-0000-4000-8000-00000000000a', '{"kind": "cron_failed"}'),
  'often 10:31 10:41', 'A failed run would have been told, until one succeeded.');
select is(pg_temp.told('00000000-0000-4000-8000-00000000000a', '{"kind": "cron_missed"}'),
  'often 11:05 11:41', 'A time without runs as well.');
select is(pg_temp.told('00000000-0000-4000-8000-00000000000a', '{"kind": "cron_slow"}'),
  'often 12:11 12:21', 'And a slow one.');
select is(pg_temp.told('00000000-0000-4000-8000-00000000000a', '{"kind": "webhook_failed"}'),
  'crm 12:21 12:26, erp 12:21 12:26', 'A webhook that failed.');
select is(pg_temp.told('00000000-0000-4000-8000-00000000000b',
  '{"kind": "webhook_failed", "project_id": "p"}'), 'crm 12:21 12:26',
  'A member replays what is of their project.');

select * from finish();
rollback;
