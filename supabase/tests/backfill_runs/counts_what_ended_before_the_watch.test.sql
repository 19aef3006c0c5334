begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

create table runs (id int primary key, flow text default 'f', status text, started_at timestamptz,
  finished_at timestamptz);
insert into runs select n, 'f', (array['succeeded', 'failed', 'running', 'canceled'])[1 + n % 4],
  now() - n * interval '1 day' - interval '1 minute',
  case when n % 4 <> 2 then now() - n * interval '1 day' end from generate_series(1, 100) as n;
insert into runs values (101, 'f', 'failed', null, null), (102, 'f', 'failed', null, 'infinity');
analyze runs;
select from tocsin.watch_runs('runs', p_options => '{"workflow_id": "flow"}');
insert into runs values (200, 'f', 'succeeded', now(), clock_timestamp());
select is_empty('select * from tocsin.workflow_run_metrics where failure_count > 0',
  'A watch begins with nothing.');

select results_eq($$select state, run_estimate::int, counted_from
  from tocsin.backfill_runs('runs', now() - interval '50 days 1 hour')$$,
  $$values ('running'::tocsin.backfill_state, 102, now() - interval '50 days 1 hour')$$,
  'A backfill says what it will do,');
select tocsin_internal.tick();
select results_eq('select state, read_count::int, counted_count::int, undated_count::int
  from tocsin.backfills', $$values ('done'::tocsin.backfill_state, 103, 37, 2)$$,
  'how far it is, and what it left out.');
select results_eq('select success_count::int, failure_count::int, canceled_count::int
  from tocsin.workflow_run_metrics', 'values (13, 13, 12)', 'What lies in its range is counted,');
select results_eq($$select sum(failure_count)::int, count(*)::int from tocsin.run_metrics_history(
  now() - interval '10 days', now(), '1 day') where duration_ms_avg = 60000 or failure_count = 0$$,
  'values (3, 11)', 'in its days and with its durations.');
select is_empty('select * from tocsin.reconcile(''runs'')', 'The counters equal the table,');
select is_empty('select * from pgmq.q_tocsin_failures', 'and nobody is told of old failures.');

update runs set status = 'running', finished_at = null where id in (1, 99);
select from tocsin_internal.roll_up();
select is_empty('select * from tocsin.reconcile(''runs'')',
  'What was backfilled and is opened again is taken back, what was not is not.');

select * from finish();
rollback;
