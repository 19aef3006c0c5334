begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');

select bag_eq($$
  select p.oid::regprocedure::text as name from pg_proc p
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and p.prosecdef
$$, array[
  'tocsin_internal.act_on_dead_letters(text,text,text,bigint[],timestamp with time zone)',
  'tocsin_internal.read_dead_letters(text,text,integer,bigint,bigint)',
  'tocsin_internal.link_to_run(tocsin.error_metrics)',
  'tocsin_internal.deliver_test(uuid,timestamp with time zone)',
  'tocsin_internal.replace_signing_secret(uuid,timestamp with time zone)',
  'tocsin_internal.replay_delivery(uuid,uuid,timestamp with time zone)',
  'tocsin.unsubscribe(text,timestamp with time zone)',
  'tocsin.record_heartbeat(text,timestamp with time zone)',
  'tocsin.claim_heartbeat(timestamp with time zone)',
  'tocsin.note_api_requests(jsonb,timestamp with time zone)',
  'tocsin_internal.self_figures()',
  'tocsin.trigger_alert(jsonb,text,text,timestamp with time zone)',
  'tocsin.check_doorbell(text)',
  'tocsin.claim_deliveries(integer,integer,timestamp with time zone)',
  'tocsin.record_attempt(uuid,integer,text,timestamp with time zone,timestamp with time zone,'
    'timestamp with time zone,integer,text,text,text,timestamp with time zone,boolean)',
  'tocsin.record_attempts(jsonb)',
  'tocsin.release_deliveries(uuid[],integer[])',
  'tocsin.scrape_metrics(integer,text,text,boolean,timestamp with time zone)',
  'tocsin_internal.capture_runs()',
  'tocsin_internal.cron_timezone()',
  'tocsin_internal.does_cron_log()',
  'tocsin_internal.follow_changes()',
  'tocsin_internal.findings(timestamp with time zone)',
  'tocsin_internal.is_operator()',
  'tocsin_internal.keep_channel_secret()',
  'tocsin_internal.listed_projects(tocsin.member_role)',
  'tocsin_internal.reveal_channel_secret(uuid)',
  'tocsin.claim_forwardings(jsonb,integer,integer,timestamp with time zone)',
  'tocsin.record_forwardings(jsonb,jsonb,timestamp with time zone)',
  'tocsin_internal.make_due_again(text,uuid[],timestamp with time zone)',
  'tocsin_internal.apply_group_change()',
  'tocsin_internal.note_change()',
  'tocsin.announce_environment(text,text)',
  'tocsin.report_error(text,text,text,jsonb,text,text,text,text,text,text,text,text,text,text,text,'
    'integer,text,timestamp with time zone,uuid)',
  'tocsin.report_errors(json,text,text,timestamp with time zone)',
  'tocsin_internal.apply_acknowledgement()',
  'tocsin.label_request(bigint,text,text)'
], 'No function runs with its owner''s rights but these.');

select * from finish();
rollback;
