begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

create function pg_temp.log(p_days int) returns void language plpgsql as $$
declare
  v_at timestamptz := '2026-03-04 10:00Z'::timestamptz - make_interval(days => p_days);
  v_id uuid := gen_random_uuid();
begin
  insert into tocsin_internal.stage_faults (stage, happened_at, error_code, message)
  values ('test', v_at, '00000', p_days);
  insert into tocsin_internal.counted_runs
  values ('s', p_days, 'p', 'w', 'failed', v_at, v_at, v_at);
  insert into tocsin_internal.throttle_windows (setting_id, source_id, project_id, workflow_id,
    opened_at, closes_at, closed_at)
  values (v_id, 's', 'p', p_days, v_at, v_at, v_at);
  insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, run_id,
    ingested_at)
  values (v_id, v_at, 'worker', 'execution', 'high', p_days, v_at);
  insert into tocsin.notifications values (v_id, v_id, 'p', p_days, 'first', '{}', v_at);
  insert into tocsin.alerts (alert_id, setting_id, setting_name, kind, workflow_id, severity, state,
    pending_since, fired_at, resolved_at, judged_at)
  values (v_id, v_id, 'test', 'failure_rate', p_days, 'high', 'resolved', v_at, v_at, v_at, v_at);
  insert into tocsin.alert_transitions (alert_id, transition, at, made_at)
  values (v_id, 'resolved', v_at, v_at);
  insert into tocsin_internal.long_runs values ('s', p_days, 'p', 'w', v_at, v_at, v_at, null);
  insert into tocsin.alert_logs (event_id, decision, reason, source_id, project_id, workflow_id,
    run_id, severity, event_at, decided_at)
  values (v_id, 'unmatched', 'test', 's', 'p', 'w', p_days, 'high', v_at, v_at);
  insert into tocsin.deliveries (delivery_id, notification_id, project_id, channel_id, channel_kind,
    channel_name, state, next_attempt_at, created_at)
  values (v_id, v_id, 'p', v_id, 'email', p_days, 'delivered', v_at, v_at);
  insert into tocsin.delivery_attempts (delivery_id, attempt, outcome, finished_at)
  values (v_id, 1, 'delivered', v_at);
end
$$;
select pg_temp.log(days) from unnest(array[1, 6, 8, 29, 31, 34, 36, 89, 91]) as days;
select from tocsin_internal.maintain('2026-03-04 10:00Z');

select bag_eq($$select message::int from tocsin_internal.stage_faults$$, array[1, 6],
  'Faults are kept for 7 days.');
select bag_eq($$select run_id::int from tocsin.error_metrics$$, array[1, 6, 8, 29],
  'Failure events for 30.');
select bag_eq($$select run_id::int from tocsin_internal.counted_runs$$,
  array[1, 6, 8, 29, 31, 34], 'What was counted of single runs for 35.');
select bag_eq($$select run_id::int from tocsin.alert_logs$$,
  array[1, 6, 8, 29, 31, 34, 36, 89], 'Decisions for 90.');
select bag_eq($$select workflow_id::int from tocsin_internal.throttle_windows$$,
  array[1, 6, 8, 29, 31, 34, 36, 89], 'So are windows,');
select bag_eq($$select channel_name::int from tocsin.deliveries join tocsin.delivery_attempts
  using (delivery_id) join tocsin.notifications using (notification_id)$$,
  array[1, 6, 8, 29, 31, 34, 36, 89], 'and notifications with their deliveries and attempts.');

select bag_eq($$select workflow_id::int from tocsin.alerts join tocsin.alert_transitions
  using (alert_id)$$, array[1, 6, 8, 29, 31, 34, 36, 89],
  'Alerts and their transitions for as long, from their end.');
select bag_eq($$select run_id::int from tocsin_internal.long_runs$$,
  array[1, 6, 8, 29, 31, 34], 'Long runs for 35 days after theirs.');

select * from finish();
rollback;
