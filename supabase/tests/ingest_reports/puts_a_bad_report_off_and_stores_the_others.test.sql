begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select tocsin.report_error('system', 'boom ' || n) from generate_series(1, 20) as n;
-- as nothing that is reported can be
update tocsin_internal.reported_errors set error_id = null
where report_id = (select min(report_id) + 6 from tocsin_internal.reported_errors);
select from tocsin_internal.tick();
select is((select count(*)::int from tocsin.error_metrics), 19,
  'A bad report does not keep the others.');
select results_eq(
  $$select attempts, due_at > clock_timestamp() from tocsin_internal.reported_errors$$,
  $$values (1, true)$$, 'It is put off,');
select results_eq($$select stage, error_code from tocsin_internal.stage_faults$$,
  $$values ('ingest_reports', '23502')$$, 'and its error is a fault.');
create function pg_temp.beat() returns void language plpgsql as $$
begin
  update tocsin_internal.reported_errors set due_at = null;
  perform from tocsin_internal.tick();
end
$$;
select pg_temp.beat() from generate_series(1, 4);
select is((select count(*)::int from pgmq.q_tocsin_failures_dlq), 1,
  'After five attempts it goes to the dead letters,');
select is_empty('select from tocsin_internal.reported_errors', 'and out of the queue.');

select * from finish();
rollback;
