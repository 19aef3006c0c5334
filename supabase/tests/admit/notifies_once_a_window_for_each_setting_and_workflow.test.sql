begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create function pg_temp.fail(p_workflow text, p_now timestamptz) returns void language sql as $$
  insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
    workflow_id, run_id, ingested_at)
  values (gen_random_uuid(), p_now, 'worker', 'execution', 'high', 'p', p_workflow,
    p_workflow || to_char(p_now, ' MI:SS'), p_now);
  select tocsin_internal.admit_errors(array(
    select error_id from tocsin.error_metrics where ingested_at = p_now and workflow_id = p_workflow
  ), p_now);
$$;
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('one'), ('two');
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
select pg_temp.fail('a', '2026-03-04 10:00:00Z'), pg_temp.fail('b', '2026-03-04 10:01:00Z'),
  pg_temp.fail('a', '2026-03-04 10:04:59Z');

select bag_eq($$select setting_name, run_id, decision::text from tocsin.alert_logs$$, $$
  select setting, run, decision from (values ('one'), ('two')) as s (setting) cross join (values
    ('a 00:00', 'notified'), ('b 01:00', 'notified'), ('a 04:59', 'throttled')) as d (run, decision)
$$, 'Each setting hears of each workflow at once, and of the same one again not before 5 minutes.');
select matches((select reason from tocsin.alert_logs where decision = 'throttled' limit 1),
  'allows 1 in 5 minutes. Told in a summary at 2026-03-04 10:05:00 UTC',
  'What is held back says when it will be told.');

select * from finish();
rollback;
