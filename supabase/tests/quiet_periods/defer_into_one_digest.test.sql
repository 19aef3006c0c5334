begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
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
insert into tocsin.quiet_periods (name, time_zone, starts_at, ends_at, breaks_through_from)
values ('night', 'Europe/Berlin', '22:00', '07:00', 'high');
select pg_temp.fail('2026-03-04 22:00Z', 'a', 'medium', 3);
select pg_temp.fail('2026-03-05 02:00Z', 'b', 'low');
select results_eq($$select distinct decision::text, reason from tocsin.alert_logs$$, $$
  values ('deferred', 'Deferred by the quiet period "night": told in a digest at 2026-03-05 '
    '06:00:00 UTC.')
$$, 'What happens in a quiet period waits for its end;');
select pg_temp.fail('2026-03-05 03:00Z', 'c', 'high');
select results_eq($$select content ->> 'workflow_id' from tocsin.notifications$$, $$values ('c')$$,
  'what is severe enough is told all the same.');
select from tocsin_internal.close_windows('2026-03-05 05:59:55Z');
select is((select count(*)::int from tocsin.notifications where purpose = 'digest'), 0,
  'Nothing more before the end.');
select from tocsin_internal.close_windows('2026-03-05 06:00Z');
select results_eq($$
  select purpose, content ->> 'title', (content #>> '{held_back,count}')::int,
    jsonb_array_length(content -> 'items')
  from tocsin.notifications where purpose = 'digest'
$$, $$values ('digest', 'While it was quiet: 4 failures', 4, 4)$$,
  'Then one digest tells it all, of all workflows.');
select is_empty($$
  select event_id from tocsin.alert_logs l where decision = 'deferred'
    and notification_id is distinct from (
      select notification_id from tocsin.notifications where purpose = 'digest')
$$, 'Each decision points to it.');
select pg_temp.fail('2026-03-05 06:01Z', 'a', 'low');
select is((select decision::text from tocsin.alert_logs order by log_id desc limit 1), 'notified',
  'After it things are told as ever.');

select * from finish();
rollback;
