begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select is(tocsin_internal.beat_command(),
  'select tocsin_internal.run_stage(''sample_queues''); commit; '
  'select tocsin_internal.run_stage(''roll_up''); commit; '
  'select tocsin_internal.run_stage(''backfill''); commit; '
  'select tocsin_internal.run_stage(''claim_failures''); commit; '
  'select tocsin_internal.run_stage(''ingest''); commit; '
  'select tocsin_internal.run_stage(''find_long_runs''); commit; '
  'select tocsin_internal.run_stage(''watch_cron''); commit; '
  'select tocsin_internal.run_stage(''watch_webhooks''); commit; '
  'select tocsin_internal.run_stage(''ingest_reports''); commit; '
  'select tocsin_internal.run_stage(''evaluate''); commit; '
  'select tocsin_internal.run_stage(''close_windows''); commit; '
  'select tocsin_internal.run_stage(''remind''); commit; '
  'select tocsin_internal.run_stage(''watch_itself''); commit; '
  'select tocsin_internal.run_stage(''queue_deliveries''); commit; '
  'select tocsin_internal.run_stage(''ring_doorbell''); commit; '
  'select tocsin_internal.run_stage(''look_up_names''); commit; '
  'select tocsin_internal.run_stage(''accept_invited_operators''); commit; '
  'select tocsin_internal.run_stage(''note_beat''); commit',
  'What each stage did stands whatever becomes of the next, and claims are counted before they '
  'are tried.');

select * from finish();
rollback;
