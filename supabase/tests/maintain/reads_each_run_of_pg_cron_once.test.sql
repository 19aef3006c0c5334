begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) + 5000 as id from cron.job_run_details;
select cron.schedule('hosts-own', '* * * * *', 'select 1');
select tocsin_internal.watch_cron('2026-03-01 10:00Z');
-- a job that runs each second for years, and the heart
insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
select base.id + n, j.jobid, current_user, 'select 1', 'succeeded', t.at, t.at
from base, generate_series(1, 3000) as n
cross join lateral (select '2026-03-01Z'::timestamptz + n * interval '1 minute') as t (at)
join cron.job j on j.jobname = case n % 10 when 0 then 'tocsin-heart' else 'hosts-own' end;

create function pg_temp.reads(p_statement text) returns bigint language plpgsql as $$
declare
  v_before bigint;
begin
  select seq_tup_read + idx_tup_fetch into v_before from pg_stat_xact_all_tables
  where relid = 'cron.job_run_details'::regclass;
  execute p_statement;
  return (select seq_tup_read + idx_tup_fetch - v_before from pg_stat_xact_all_tables
    where relid = 'cron.job_run_details'::regclass);
end
$$;

select is(tocsin_internal.prune_cron_details('2026-03-03 01:00Z', 1000), 1000::bigint,
  'A page in which all is over is not the last.');
select tocsin_internal.prune_cron_details('2026-03-03 01:00Z', 1000);
select is((
  select count(*) from cron.job_run_details d join cron.job j using (jobid)
  where j.jobname = 'tocsin-heart' and d.end_time < '2026-03-02 01:00Z'), 0::bigint,
  'What the heart left is removed after a day,');
select is((
  select count(*) from cron.job_run_details d join cron.job j using (jobid)
  where j.jobname = 'hosts-own'), 2700::bigint, 'the host''s rows stay,');
select cmp_ok(
  pg_temp.reads($$select tocsin_internal.prune_cron_details('2026-03-03 01:00Z', 100)$$),
  '<=', 110::bigint, 'and are not read again.');

select * from finish();
rollback;
