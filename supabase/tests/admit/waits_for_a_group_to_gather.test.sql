begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name, group_wait, group_by) values ('all', '1 minute',
  'project');
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
create function pg_temp.fail(p_now timestamptz, p_workflow text default 'w',
  p_severity tocsin.severity default 'high', p_count int default 1) returns void
language plpgsql as $$
declare
  v_ids uuid[];
begin
  with new as (
    insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
      workflow_id, run_id, message, ingested_at)
    select gen_random_uuid(), p_now, 'worker', 'execution', p_severity, 'p', p_workflow, n::text,
      'boom', p_now
    from generate_series(1, p_count) as n
    returning error_id
  )
  select array_agg(error_id) into v_ids from new;
  perform tocsin_internal.admit_errors(v_ids, p_now);
end
$$;
select pg_temp.fail('2026-03-04 10:00Z', 'a'), pg_temp.fail('2026-03-04 10:00:40Z', 'b',
  p_count => 2);
select results_eq($$select distinct decision::text, reason from tocsin.alert_logs$$, $$
  values ('grouped', 'Grouped: told with what else comes until 2026-03-04 10:01:00 UTC, or after a '
    'quiet period that holds then.')
$$, 'What comes while a group waits is told together.');
select is(tocsin_internal.close_windows('2026-03-04 10:00:59Z'), 0::bigint, 'Not before its time:');
select is((select count(*)::int from tocsin.notifications), 0, 'nothing is told yet.');
select from tocsin_internal.close_windows('2026-03-04 10:01Z');
select results_eq($$
  select purpose, content ->> 'title', jsonb_array_length(content -> 'items'),
    content ->> 'held_back'
  from tocsin.notifications
$$, $$values ('first', '3 failures of project p in 1 minute', 3, null)$$,
  'Then one notification tells and names them all,');
select is((select count(*)::int from tocsin.deliveries), 1, 'once.');
select pg_temp.fail('2026-03-04 10:03Z', 'a');
select results_eq($$select decision::text from tocsin.alert_logs order by log_id desc limit 1$$,
  $$values ('throttled')$$, 'It counts as one of those that the setting allows in a window.');
select from tocsin_internal.close_windows('2026-03-04 10:06Z');
select is((select count(*)::int from tocsin.notifications where purpose = 'summary'), 1,
  'The window tells the rest at its end.');

select * from finish();
rollback;
