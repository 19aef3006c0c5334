begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');

select bag_eq($$
  select p.oid::regprocedure::text as name from pg_proc p
  where p.pronamespace = 'tocsin'::regnamespace
    and has_function_privilege('authenticated', p.oid, 'execute')
$$, array[
  'tocsin.channel_secret(uuid)',
  'tocsin.retry_delivery(uuid,timestamp with time zone)',
  'tocsin.rotate_channel_secret(uuid,interval,timestamp with time zone)',
  'tocsin.send_test_alert(uuid,timestamp with time zone)',
  'tocsin.template_placeholders()',
  'tocsin.read_alert_settings(text,text)',
  'tocsin.read_decisions(uuid)',
  'tocsin.save_alert_setting(jsonb)',
  'tocsin.forward_again(text,uuid[],timestamp with time zone)',
  'tocsin.dashboard_scope()',
  'tocsin.dashboard_alerts(timestamp with time zone,timestamp with time zone,text,integer)',
  'tocsin.dashboard_alert(uuid)',
  'tocsin.dashboard_test(uuid)',
  'tocsin.dashboard_settings(text,timestamp with time zone)',
  'tocsin.backtest_values(jsonb,timestamp with time zone,timestamp with time zone,integer,jsonb,'
    'timestamp with time zone)',
  'tocsin.dashboard_error(uuid,timestamp with time zone,timestamp with time zone,'
    'timestamp with time zone)',
  'tocsin.dashboard_workflow(text,text,timestamp with time zone,timestamp with time zone,text,'
    'timestamp with time zone)',
  'tocsin.dashboard_incidents(text,integer,timestamp with time zone)',
  'tocsin.dashboard_workflows(timestamp with time zone,timestamp with time zone,interval,text,text,'
    'integer,timestamp with time zone)',
  'tocsin.doctor(timestamp with time zone)',
  'tocsin.explain_run(text,text)',
  'tocsin.my_project_ids(tocsin.member_role)',
  'tocsin.page_run_metrics_summary(timestamp with time zone,timestamp with time zone,text,text,'
    'integer,text,boolean,integer,double precision,text,text,text,timestamp with time zone)',
  'tocsin.read_workflow_metrics(text,timestamp with time zone,timestamp with time zone,interval,'
    'text,text,text,timestamp with time zone)',
  'tocsin.run_metrics_history(timestamp with time zone,timestamp with time zone,interval,text,text,'
    'text,text,timestamp with time zone)',
  'tocsin.run_metrics_summary(timestamp with time zone,timestamp with time zone,text,text,text,'
    'integer,text,boolean,integer,integer,timestamp with time zone)',
  'tocsin.version()',
  'tocsin.ignore_error_group(uuid,timestamp with time zone,bigint,integer,interval,text,'
    'timestamp with time zone)',
  'tocsin.reopen_error_group(uuid,text,timestamp with time zone)',
  'tocsin.resolve_error_group(uuid,text,timestamp with time zone)',
  'tocsin.create_ingest_key(text,text,timestamp with time zone,integer)',
  'tocsin.revoke_ingest_key(uuid,timestamp with time zone)',
  'tocsin.error_group_impact(uuid,timestamp with time zone,timestamp with time zone)',
  'tocsin.error_rate_history(timestamp with time zone,timestamp with time zone,interval,text,text,'
    'text,text,text,uuid,text,timestamp with time zone)',
  'tocsin.page_error_groups(text,text,text,text,text,text,text,integer,double precision,uuid,'
    'timestamp with time zone)',
  'tocsin.read_error_metrics(timestamp with time zone,timestamp with time zone,interval,text,text,'
    'text,text,text,uuid,text,text,text,integer,timestamp with time zone,uuid,'
    'timestamp with time zone)',
  'tocsin.page_errors(timestamp with time zone,timestamp with time zone,text,text,text,text,text,'
    'uuid,text,text,integer,timestamp with time zone,uuid)',
  'tocsin.workflow_disruption(timestamp with time zone,timestamp with time zone,text,integer)',
  'tocsin.backtest(jsonb,timestamp with time zone,timestamp with time zone,text,'
    'timestamp with time zone)',
  'tocsin.backtest_setting(uuid,timestamp with time zone,timestamp with time zone,text,'
    'timestamp with time zone)',
  'tocsin.acknowledge_alert(uuid,text,timestamp with time zone)',
  'tocsin.watch_queue(text,text,jsonb)',
  'tocsin.queue_metrics_history(timestamp with time zone,timestamp with time zone,interval,text,'
    'text,text,timestamp with time zone)',
  'tocsin.list_dead_letters(text,text,integer,bigint)',
  'tocsin.inspect_dead_letter(text,bigint,text)',
  'tocsin.replay_dead_letters(text,bigint[],text,timestamp with time zone)',
  'tocsin.drop_dead_letters(text,bigint[],text,timestamp with time zone)'
], 'Of the functions people see, a signed-in user may call these and no other.');

select bag_eq($$
  select p.oid::regprocedure::text as name from pg_proc p
  where p.pronamespace = 'tocsin_internal'::regnamespace
    and has_function_privilege('authenticated', p.oid, 'execute')
$$, array[
  'tocsin_internal.act_on_dead_letters(text,text,text,bigint[],timestamp with time zone)',
  'tocsin_internal.read_dead_letters(text,text,integer,bigint,bigint)',
  'tocsin_internal.say_letter_error(jsonb)',
  'tocsin_internal.refuse_all_but_operators()',
  'tocsin_internal.say_seconds(double precision)',
  'tocsin_internal.say_count(bigint,boolean)',
  'tocsin_internal.kept_for(text)',
  'tocsin_internal.sum_queue_hours(timestamp with time zone,timestamp with time zone)',
  'tocsin_internal.queues_of(tocsin.alert_settings[])',
  'tocsin_internal.tell_left_queues(tocsin.alert_settings[],tocsin_internal.evaluation[],'
    'timestamp with time zone)',
  'tocsin_internal.samples_of(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone)',
  'tocsin_internal.tell_queue(tocsin_internal.queue_sample,double precision,bigint,boolean,'
    'boolean,jsonb,double precision)',
  'tocsin_internal.evaluate_queue_figures(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_queue_stalled(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_queue_errors(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.sum_runs(timestamp with time zone,timestamp with time zone,text,text,'
    'text,timestamp with time zone)',
  'tocsin_internal.told_by(uuid[])',
  'tocsin_internal.show_alert(tocsin.alerts)',
  'tocsin_internal.show_notification(tocsin.notifications)',
  'tocsin_internal.percentile_of_bins(integer[],bigint[],double precision)',
  'tocsin_internal.bin_value(integer)',
  'tocsin_internal.link_to_run(tocsin.error_metrics)',
  'tocsin_internal.duration_percentiles(timestamp with time zone,timestamp with time zone,text,'
    'text,text,timestamp with time zone)',
  'tocsin_internal.deliver_test(uuid,timestamp with time zone)',
  'tocsin_internal.editable_channel(uuid)',
  'tocsin_internal.replace_signing_secret(uuid,timestamp with time zone)',
  'tocsin_internal.replay_delivery(uuid,uuid,timestamp with time zone)',
  'tocsin_internal.template_problem(text)',
  'tocsin_internal.count_errors(timestamp with time zone,timestamp with time zone,interval,text,'
    'text,text,text,text,uuid,text,text,text)',
  'tocsin_internal.complete_parameters(text,jsonb)',
  'tocsin_internal.self_figures()',
  'tocsin_internal.parameter_faults(text,jsonb)',
  'tocsin_internal.attach_channels(tocsin.alert_settings,jsonb)',
  'tocsin_internal.fill_setting(tocsin.alert_settings,jsonb)',
  'tocsin_internal.issue(text,text)',
  'tocsin_internal.level_of(tocsin.alert_settings)',
  'tocsin_internal.put_setting(tocsin.alert_settings,boolean)',
  'tocsin_internal.refusal(integer,text,text,text,jsonb)',
  'tocsin_internal.say_type(text)',
  'tocsin_internal.show_setting(tocsin.alert_settings)',
  'tocsin_internal.list_choices(jsonb)',
  'tocsin_internal.say_parameter_fault(jsonb,jsonb)',
  'tocsin_internal.make_due_again(text,uuid[],timestamp with time zone)',
  'tocsin_internal.findings(timestamp with time zone)',
  'tocsin_internal.finest_minutes(timestamp with time zone,integer,timestamp with time zone)',
  'tocsin_internal.start_of_day(timestamp without time zone,text)',
  'tocsin_internal.host_projects(tocsin.member_role)',
  'tocsin_internal.signed_in_user()',
  'tocsin_internal.is_operator()',
  'tocsin_internal.is_trusted()',
  'tocsin_internal.listed_projects(tocsin.member_role)',
  'tocsin_internal.name_of_bucket(interval)',
  'tocsin_internal.pending_buckets(timestamp with time zone,timestamp with time zone,text,text,'
    'text)',
  'tocsin_internal.range_pieces(timestamp with time zone,timestamp with time zone,'
    'timestamp with time zone)',
  'tocsin_internal.refuse_bad_range(timestamp with time zone,timestamp with time zone,interval,'
    'text)',
  'tocsin_internal.minutes_of_bucket(interval)',
  'tocsin_internal.is_filled(text,text,text)',
  'tocsin_internal.settle_outcomes(tocsin_internal.run_outcomes[])',
  'tocsin_internal.reveal_channel_secret(uuid)',
  'tocsin_internal.read_buckets(integer,timestamp with time zone,timestamp with time zone,text,'
    'text,text)',
  'tocsin_internal.round_range(timestamp with time zone,timestamp with time zone,'
    'timestamp with time zone)',
  'tocsin_internal.select_pieces(timestamp with time zone,timestamp with time zone,'
    'timestamp with time zone,boolean,text)',
  'tocsin_internal.select_runs(timestamp with time zone,timestamp with time zone,'
    'timestamp with time zone,text,timestamp with time zone,boolean)',
  'tocsin_internal.rank_workflows(timestamp with time zone,timestamp with time zone,text,text,text,'
    'integer,text,boolean,integer,integer,timestamp with time zone,boolean,double precision,text,'
    'text,text)',
  'tocsin_internal.change_error_group(uuid,tocsin.group_action,timestamp with time zone,bigint,'
    'integer,interval,text,timestamp with time zone)',
  'tocsin_internal.refuse_bad_pattern(text)',
  'tocsin_internal.sketch_count(bigint[])',
  'tocsin_internal.hash_key(text)',
  'tocsin_internal.time_slots(timestamp with time zone,timestamp with time zone,interval,text)',
  'tocsin_internal.match_sorts(tocsin_internal.error_sort[],tocsin_internal.event_setting[])',
  'tocsin_internal.calm_needed(tocsin.alert_settings,boolean)',
  'tocsin_internal.replay_beginning(tocsin.alert_settings,tocsin_internal.replayed_alert[],'
    'tocsin_internal.occurrence,tocsin_internal.decided,timestamp with time zone,'
    'timestamp with time zone)',
  'tocsin_internal.facts_of_recovery(double precision,timestamp with time zone)',
  'tocsin_internal.say_recovery(text,text)',
  'tocsin_internal.wanted_events(tocsin.alert_settings,timestamp with time zone,'
    'timestamp with time zone)',
  'tocsin_internal.first_success(tocsin_internal.occurrence,timestamp with time zone,'
    'timestamp with time zone,interval)',
  'tocsin_internal.replay_events(tocsin.alert_settings,timestamp with time zone,'
    'timestamp with time zone,interval)',
  'tocsin_internal.replay_recoveries(tocsin.alert_settings,tocsin_internal.replayed_event[],'
    'timestamp with time zone,interval)',
  'tocsin_internal.event_setting_of(tocsin.alert_settings)',
  'tocsin_internal.event_settings(text[])',
  'tocsin_internal.texts_of(jsonb)',
  'tocsin_internal.weigh(text,tocsin.severity)',
  'tocsin_internal.with_window(tocsin.alert_settings,text)',
  'tocsin_internal.for_workflow(tocsin.alert_settings,text,text)',
  'tocsin_internal.say_backtest(jsonb)',
  'tocsin_internal.was_settled(tocsin_internal.occurrence,timestamp with time zone)',
  'tocsin_internal.routes_for(tocsin.alert_settings)',
  'tocsin_internal.channels_for(uuid[],tocsin.alert_routes[],tocsin.alert_settings,'
    'tocsin.severity,tocsin_internal.target[],uuid[])',
  'tocsin_internal.own_channels(uuid)',
  'tocsin_internal.channels_of(tocsin.alert_settings,uuid[],tocsin.alert_routes[],'
    'tocsin.severity,tocsin_internal.target[],interval)',
  'tocsin_internal.transitions_of(tocsin.alert_settings,timestamp with time zone,'
    'timestamp with time zone,timestamp with time zone)',
  'tocsin_internal.backtest_step(tocsin.alert_settings,timestamp with time zone,'
    'timestamp with time zone)',
  'tocsin_internal.default_setting()',
  'tocsin_internal.cron_targets(tocsin.alert_settings[])',
  'tocsin_internal.cron_timezone()',
  'tocsin_internal.does_cron_log()',
  'tocsin_internal.due_times(tocsin_internal.cron_plan,timestamp with time zone,'
    'timestamp with time zone,integer,text)',
  'tocsin_internal.is_cron_day(tocsin_internal.cron_plan,date)',
  'tocsin_internal.next_due(tocsin_internal.cron_plan,timestamp with time zone,text)',
  'tocsin_internal.evaluate_cron_failed(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_cron_missed(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_cron_slow(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_webhook_failed(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_webhook_stuck(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_error_rates(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_kind(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_run_changes(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_run_missing(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_run_rates(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_run_slow(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_run_stuck(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.evaluate_slo_burn(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone,tocsin_internal.evaluation[])',
  'tocsin_internal.expected_targets(tocsin.alert_settings[])',
  'tocsin_internal.fill_title(text,tocsin.alert_settings,text,double precision,text,bigint)',
  'tocsin_internal.finest_kept(timestamp with time zone,timestamp with time zone)',
  'tocsin_internal.imagine_setting(jsonb)',
  'tocsin_internal.is_replaced(tocsin.alert_settings,text,text)',
  'tocsin_internal.judge(tocsin_internal.alert_memory,tocsin.alert_settings,boolean,'
    'tocsin_internal.evaluation,timestamp with time zone)',
  'tocsin_internal.known_workflows(tocsin_internal.target[])',
  'tocsin_internal.name_of_target(text,text,text,tocsin.alert_settings)',
  'tocsin_internal.name_of_workflow(text,text)',
  'tocsin_internal.reach_of(tocsin.alert_settings)',
  'tocsin_internal.replay_measure(tocsin.alert_settings,timestamp with time zone,'
    'timestamp with time zone,timestamp with time zone)',
  'tocsin_internal.replay_step(tocsin.alert_settings,timestamp with time zone,'
    'timestamp with time zone)',
  'tocsin_internal.say_transition(tocsin.alert_kinds,tocsin.alert_settings,'
    'tocsin.alert_transition,text,text,text,tocsin_internal.evaluation)',
  'tocsin_internal.say_value(double precision,text)',
  'tocsin_internal.slide_bins(interval[],timestamp with time zone,timestamp with time zone,'
    'interval,tocsin_internal.target[],timestamp with time zone)',
  'tocsin_internal.slide_errors(interval[],timestamp with time zone,timestamp with time zone,'
    'interval,timestamp with time zone)',
  'tocsin_internal.slide_windows(interval[],timestamp with time zone,timestamp with time zone,'
    'interval,tocsin_internal.target[],timestamp with time zone)',
  'tocsin_internal.split_range(timestamp with time zone,timestamp with time zone,'
    'timestamp with time zone)',
  'tocsin_internal.sum_runs_of(tocsin.alert_settings[],timestamp with time zone,'
    'timestamp with time zone,interval,timestamp with time zone)',
  'tocsin_internal.sum_windows(interval[],timestamp with time zone,tocsin_internal.target[],'
    'timestamp with time zone)',
  'tocsin_internal.sure_change(double precision,double precision,double precision,'
    'double precision,double precision)',
  'tocsin_internal.targets_of(tocsin.alert_settings[])',
  'tocsin_internal.wilson_bound(double precision,double precision,double precision)',
  'tocsin_internal.admit(tocsin.alert_settings,tocsin_internal.throttle_windows,'
    'tocsin_internal.occurrence[],tocsin_internal.ruling[],timestamp with time zone)',
  'tocsin_internal.defer(tocsin.alert_settings,tocsin_internal.throttle_windows,integer,'
    'tocsin.severity,timestamp with time zone,timestamp with time zone)',
  'tocsin_internal.due_at(tocsin_internal.throttle_windows)',
  'tocsin_internal.end_window(tocsin_internal.throttle_windows,tocsin.alert_settings,'
    'timestamp with time zone,timestamp with time zone)',
  'tocsin_internal.group_wait_of(tocsin.alert_settings)',
  'tocsin_internal.hush(tocsin.alert_settings,tocsin_internal.occurrence[],tocsin.decision[],'
    'boolean,tocsin.alert_routes[],tocsin.silences[],tocsin.quiet_periods[],'
    'timestamp with time zone)',
  'tocsin_internal.is_due_again(tocsin.alert_settings,timestamp with time zone,tocsin.decision,'
    'timestamp with time zone)',
  'tocsin_internal.is_night(timestamp with time zone,text)',
  'tocsin_internal.like_pattern(text)',
  'tocsin_internal.local_instant(timestamp without time zone,text,boolean)',
  'tocsin_internal.matches_route(tocsin.alert_routes,tocsin.alert_settings,tocsin.severity,'
    'tocsin_internal.target)',
  'tocsin_internal.matches_silence(tocsin.silences,tocsin.alert_settings,'
    'tocsin_internal.occurrence,timestamp with time zone)',
  'tocsin_internal.message_of(tocsin.error_metrics)',
  'tocsin_internal.name_window(tocsin.alert_settings,tocsin_internal.throttle_windows,text)',
  'tocsin_internal.quiet_end(tocsin_internal.quiet[],tocsin.severity)',
  'tocsin_internal.quiet_for(tocsin.alert_settings,tocsin.quiet_periods[],'
    'timestamp with time zone)',
  'tocsin_internal.quiet_until(tocsin.quiet_periods,timestamp with time zone)',
  'tocsin_internal.reminder_due_at(tocsin.alert_settings,interval[],'
    'tocsin_internal.replayed_alert)',
  'tocsin_internal.replay_admission(tocsin.alert_settings,tocsin_internal.occurrence[],'
    'timestamp with time zone)',
  'tocsin_internal.replayed_beginnings(tocsin_internal.occurrence[],'
    'tocsin_internal.replayed_alert[],tocsin_internal.throttle_windows[])',
  'tocsin_internal.replayed_reminders(tocsin.alert_settings,interval[],'
    'tocsin_internal.replayed_alert[],timestamp with time zone)',
  'tocsin_internal.say_count(bigint,text,text)',
  'tocsin_internal.say_event(text,tocsin.error_metrics)',
  'tocsin_internal.say_interval(interval)',
  'tocsin_internal.say_many(tocsin.alert_settings,text,tocsin_internal.tally,text,interval)',
  'tocsin_internal.say_time(timestamp with time zone)',
  'tocsin_internal.title_of(tocsin.alert_settings,tocsin_internal.occurrence)',
  'tocsin_internal.title_of_many(tocsin.alert_settings,tocsin_internal.window_end,'
    'tocsin_internal.occurrence[],jsonb,timestamp with time zone)'
], 'Of the machinery, a signed-in user may call what policies, metrics and backtests ask for.');

select * from finish();
rollback;
