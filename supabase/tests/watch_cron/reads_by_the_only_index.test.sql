begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

delete from tocsin_internal.watchers;
create temp table base as select coalesce(max(runid), 0) as id from cron.job_run_details;
select cron.schedule('job', '*/5 * * * *', 'select 1');
insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
select base.id + n, j.jobid, current_user, 'select 1', 'succeeded', now(), now()
from base, cron.job j, generate_series(1, 30000) as n where j.jobname = 'job';
insert into net._http_response (id, status_code, created)
select n, 200, now() - (30000 - n) * interval '1 ms' from generate_series(1, 30000) as n;
-- What this transaction has read so far of a table.
create function pg_temp.read_of(p_table text, out whole bigint, out by_index bigint)
language sql as $$
  select seq_tup_read, idx_tup_fetch from pg_stat_xact_all_tables
  where relid = p_table::regclass$$;
create function pg_temp.reads(p_statement text, p_table text, out whole bigint,
  out by_index bigint) language plpgsql as $$
declare
  v_before record;
  v_after record;
begin
  select * into v_before from pg_temp.read_of(p_table);
  execute p_statement;
  select * into v_after from pg_temp.read_of(p_table);
  whole := v_after.whole - v_before.whole;
  by_index := v_after.by_index - v_before.by_index;
end
$$;

select tocsin_internal.watch_cron(now());
select tocsin_internal.watch_webhooks(now());
select results_eq($$
  select whole, by_index <= 1 from pg_temp.reads(
    'select tocsin_internal.watch_cron(now())', 'cron.job_run_details')
$$, $$values (0::bigint, true)$$, 'With nothing new, none of 30,000 runs is read again.');
select results_eq($$
  select whole, by_index <= 2 from pg_temp.reads(
    'select tocsin_internal.watch_webhooks(now())', 'net._http_response')
$$, $$values (0::bigint, true)$$, 'Nor any of 30,000 responses but the last.');
insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
select base.id + 30000 + n, j.jobid, current_user, 'select 1', 'running', now(), null
from base, cron.job j, generate_series(1, 10) as n where j.jobname = 'job';
select results_eq($$
  select whole, by_index <= 12 from pg_temp.reads(
    'select tocsin_internal.watch_cron(now())', 'cron.job_run_details')
$$, $$values (0::bigint, true)$$, 'What is new is read, and nothing else;');
select results_eq($$
  select whole, by_index <= 12 from pg_temp.reads(
    'select tocsin_internal.watch_cron(now())', 'cron.job_run_details')
$$, $$values (0::bigint, true)$$, 'what goes on is read again.');

select * from finish();
rollback;
