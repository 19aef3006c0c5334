-- Alert logs: the decisions.
--
-- The conservation law: for each failure event and each setting that matches it there is exactly
-- one row in tocsin.alert_logs, and one row saying so when none matched; and one for each time an
-- alert fires, is resolved, repeated or escalated. The unique constraint keeps it from being two,
-- and the transaction that stores the event keeps it from being none. Decisions are immutable.
--
-- The table is partitioned by the event's own time, in weeks. A row stays as long as
-- tocsin.retention says, counted from its decision: an old event that came late is no exception.
--
-- SECURITY DEFINER functions: none.

create table tocsin.alert_logs (
  log_id bigint generated always as identity,
  event_id uuid not null,
  what text not null default 'failure',
  setting_id uuid,
  setting_name text,
  alert_id uuid,
  decision tocsin.decision not null,
  reason text not null,
  notification_id uuid,
  window_id uuid,
  source_id text not null,
  project_id text not null,
  workflow_id text not null,
  run_id text,
  severity tocsin.severity not null,
  event_at timestamptz not null,
  decided_at timestamptz not null,
  primary key (log_id, event_at),
  constraint one_decision_per_event_and_setting
    unique nulls not distinct (event_id, project_id, what, setting_id, event_at),
  constraint what_happened_is_known
    check (what in ('failure', 'fired', 'resolved', 'repeated', 'escalated')),
  constraint the_unmatched_have_no_setting
    check ((decision = 'unmatched') <= (setting_id is null)),
  constraint whatever_has_no_setting_was_unmatched_or_dropped
    check ((setting_id is null) <= (decision in ('unmatched', 'dropped'))),
  constraint what_is_told_has_its_notification check ((notification_id is not null)
    = (decision in ('notified', 'grouped', 'throttled', 'deferred'))),
  constraint what_is_held_back_has_its_window check ((decision in ('grouped', 'throttled',
    'deferred')) <= (window_id is not null))
) partition by range (event_at);

create index alert_logs_project_id_decided_at_idx on tocsin.alert_logs
  (project_id, decided_at desc);
create index alert_logs_run_id_idx on tocsin.alert_logs (run_id);
create index alert_logs_notification_id_event_at_idx on tocsin.alert_logs
  (notification_id, event_at desc) where notification_id is not null;
create index alert_logs_alert_id_decided_at_idx on tocsin.alert_logs (alert_id, decided_at desc)
  where alert_id is not null;
create index alert_logs_decided_at_idx on tocsin.alert_logs (decided_at);

comment on table tocsin.alert_logs is
  'The decisions: one row for each failure event and each setting that matches it, or one that '
  'none did; and one for each transition of an alert. Never changed; kept as long as '
  'tocsin.retention says. "Why was I not told?" is a select here.';
comment on column tocsin.alert_logs.log_id is 'The order of deciding.';
comment on column tocsin.alert_logs.event_id is
  'The failure event: tocsin.error_metrics.error_id; or the transition of the alert: '
  'tocsin.alert_transitions.transition_id. Of a repeat and an escalation, an id of their own.';
comment on column tocsin.alert_logs.what is
  'failure; or of an alert: fired, resolved, repeated, escalated.';
comment on column tocsin.alert_logs.setting_id is
  'The setting that matched; null: none did, or the failure could not be stored.';
comment on column tocsin.alert_logs.setting_name is 'What the setting was called then.';
comment on column tocsin.alert_logs.alert_id is
  'The alert; of a failure, the one that it began or goes on with, where its setting tells when '
  'the workflow succeeds again; null: none.';
comment on column tocsin.alert_logs.decision is
  'notified, grouped, throttled, silenced, deferred, dropped, no_channel or unmatched.';
comment on column tocsin.alert_logs.reason is 'Why, in words.';
comment on column tocsin.alert_logs.notification_id is
  'The notification that told it, or will when its window ends.';
comment on column tocsin.alert_logs.window_id is 'The window that it fell into.';
comment on column tocsin.alert_logs.source_id is 'The run source of the event.';
comment on column tocsin.alert_logs.project_id is 'The project of the event.';
comment on column tocsin.alert_logs.workflow_id is 'The workflow of the event.';
comment on column tocsin.alert_logs.run_id is 'The run of the event.';
comment on column tocsin.alert_logs.severity is 'How bad the event was, for this setting.';
comment on column tocsin.alert_logs.event_at is 'When the event happened.';
comment on column tocsin.alert_logs.decided_at is 'When it was decided.';

create function tocsin_internal.refuse_change() returns trigger
language plpgsql set search_path = ''
as $$
begin
  raise exception 'A decision is never changed: row % of alert_logs', old.log_id
    using errcode = 'TC013', hint = 'How a notification fared lives with its delivery.';
end
$$;

comment on function tocsin_internal.refuse_change() is
  'Trigger of alert_logs: decisions are immutable. Raises TC013.';

create trigger alert_logs_are_immutable before update on tocsin.alert_logs
  for each row execute function tocsin_internal.refuse_change();

-- How long they are kept --------------------------------------------------------------------------

insert into tocsin.retention (record, keep_for, description) values
  ('alert_logs', '90 days', 'Decisions with what they told, counted from when they were made.');

select tocsin_internal.make_default_partition('tocsin.alert_logs');

create function tocsin_internal.make_log_partitions(
  p_now timestamptz default clock_timestamp(), p_limit int default 8
) returns bigint
language plpgsql set search_path = ''
as $$
begin
  perform tocsin_internal.make_partitions('tocsin.alert_logs', 'event_at', 7, p_now, p_limit);
  return 0;
end
$$;

comment on function tocsin_internal.make_log_partitions(timestamptz, int) is
  'Makes the partitions of alert_logs for this week and the next, where they are missing. A step '
  'of maintain().';

create function tocsin_internal.prune_logs(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_until constant timestamptz := p_now - tocsin_internal.kept_for('alert_logs');
  v_count bigint;
begin
  -- a week goes when the last decision about it is old enough
  perform tocsin_internal.drop_partitions('tocsin.alert_logs', 7, v_until, p_now, 'decided_at');
  delete from tocsin_internal.alert_logs_default where ctid = any (array(
    select ctid from tocsin_internal.alert_logs_default
    where decided_at < v_until limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.prune_logs(timestamptz, int) is
  'Drops the weeks of alert_logs that tocsin.retention no longer keeps. A step of maintain().';

select tocsin_internal.make_log_partitions();

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.alert_logs enable row level security;

create policy members_see_decisions on tocsin.alert_logs
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );

revoke all on tocsin.alert_logs from public, anon, authenticated, service_role;
grant select on tocsin.alert_logs to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
