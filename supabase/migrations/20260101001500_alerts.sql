-- Alerts: the decisions, and the notifications that they lead to.
--
-- The conservation law: for each failure event and each setting that matches it there is exactly
-- one row in tocsin.alert_logs, and one row saying so when none matched. The unique constraint
-- keeps it from being two, and the transaction that stores the event keeps it from being none.
-- Decisions are immutable. One that was held back points to its throttle window, and the window to
-- the summary that told it.
--
-- SECURITY DEFINER functions: none. All of this is written by the heart, as the owner.

create type tocsin.decision as enum ('notified', 'throttled', 'no_channel', 'unmatched');
comment on type tocsin.decision is
  'What became of a failure event for a setting: notified; throttled (told in a summary); '
  'no_channel '
  '(the setting has no channel that is on); unmatched (no setting wanted it).';

create table tocsin_internal.throttle_windows (
  window_id uuid primary key default gen_random_uuid(),
  setting_id uuid not null,
  source_id text not null,
  project_id text not null,
  workflow_id text not null,
  opened_at timestamptz not null,
  closes_at timestamptz not null,
  notified_count int not null default 0,
  held_count int not null default 0,
  closed_at timestamptz,
  summary_id uuid,
  constraint what_is_held_back_is_told check (
    closed_at is null or held_count = 0 or summary_id is not null
  )
);

create unique index throttle_windows_open_idx on tocsin_internal.throttle_windows
  (setting_id, source_id, project_id, workflow_id) where closed_at is null;
create index throttle_windows_closes_at_idx on tocsin_internal.throttle_windows (closes_at)
  where closed_at is null;

comment on table tocsin_internal.throttle_windows is
  'Spans in which a setting may notify so often about one workflow. Written by admission; one that '
  'closes after holding something back always has its summary.';
comment on column tocsin_internal.throttle_windows.window_id is 'The window.';
comment on column tocsin_internal.throttle_windows.setting_id is 'The setting that throttles.';
comment on column tocsin_internal.throttle_windows.source_id is 'The run source of the workflow.';
comment on column tocsin_internal.throttle_windows.project_id is 'The project of the workflow.';
comment on column tocsin_internal.throttle_windows.workflow_id is 'The workflow.';
comment on column tocsin_internal.throttle_windows.opened_at is 'When its first event was decided.';
comment on column tocsin_internal.throttle_windows.closes_at is 'When what it held back is told.';
comment on column tocsin_internal.throttle_windows.notified_count is
  'How many were notified in it.';
comment on column tocsin_internal.throttle_windows.held_count is 'How many it held back.';
comment on column tocsin_internal.throttle_windows.closed_at is 'When it was closed.';
comment on column tocsin_internal.throttle_windows.summary_id is
  'The notification that told what it held back.';

create table tocsin.notifications (
  notification_id uuid primary key default gen_random_uuid(),
  setting_id uuid,
  project_id text not null,
  workflow_id text not null,
  purpose text not null,
  content jsonb not null,
  decided_at timestamptz not null,
  constraint purpose_is_known check (purpose in
    ('first', 'summary', 'digest', 'resolved', 'repeat', 'escalation', 'test'))
);

create index notifications_project_id_decided_at_idx on tocsin.notifications
  (project_id, decided_at desc);

comment on table tocsin.notifications is
  'What was decided to be told, as it is told: already redacted. Written by admission.';
comment on column tocsin.notifications.notification_id is 'The notification.';
comment on column tocsin.notifications.setting_id is
  'The setting that wanted it; null: somebody asked for a test, or Tocsin tells of itself.';
comment on column tocsin.notifications.project_id is 'The project it is about.';
comment on column tocsin.notifications.workflow_id is 'The workflow it is about.';
comment on column tocsin.notifications.purpose is
  'first: a failure as it happened. summary: what a throttle window held back.';
comment on column tocsin.notifications.content is 'What is told; version 1 of the webhook''s data.';
comment on column tocsin.notifications.decided_at is 'When it was decided.';

create table tocsin.alert_logs (
  log_id bigint generated always as identity primary key,
  error_id uuid not null,
  setting_id uuid,
  setting_name text,
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
  constraint one_decision_per_event_and_setting unique nulls not distinct (error_id, setting_id),
  constraint only_the_unmatched_have_no_setting
    check ((setting_id is null) = (decision = 'unmatched')),
  constraint the_notified_have_a_notification
    check ((notification_id is not null) = (decision = 'notified')),
  constraint the_throttled_have_a_window check (decision <> 'throttled' or window_id is not null)
);

create index alert_logs_project_id_decided_at_idx on tocsin.alert_logs
  (project_id, decided_at desc);
create index alert_logs_run_id_idx on tocsin.alert_logs (run_id);
create index alert_logs_window_id_event_at_idx on tocsin.alert_logs (window_id, event_at desc)
  where decision = 'throttled';
create index alert_logs_decided_at_idx on tocsin.alert_logs (decided_at);

comment on table tocsin.alert_logs is
  'The decisions: one row for each failure event and each setting that matches it, or one that '
  'none '
  'did. Never changed; kept 90 days. "Why was I not told?" is a select here.';
comment on column tocsin.alert_logs.log_id is 'The order of deciding.';
comment on column tocsin.alert_logs.error_id is 'The failure event: tocsin.error_metrics.error_id.';
comment on column tocsin.alert_logs.setting_id is 'The setting that matched; null: none did.';
comment on column tocsin.alert_logs.setting_name is 'What the setting was called then.';
comment on column tocsin.alert_logs.decision is 'notified, throttled, no_channel or unmatched.';
comment on column tocsin.alert_logs.reason is 'Why, in words.';
comment on column tocsin.alert_logs.notification_id is 'The notification that told it.';
comment on column tocsin.alert_logs.window_id is 'The throttle window that it fell into.';
comment on column tocsin.alert_logs.source_id is 'The run source of the event.';
comment on column tocsin.alert_logs.project_id is 'The project of the event.';
comment on column tocsin.alert_logs.workflow_id is 'The workflow of the event.';
comment on column tocsin.alert_logs.run_id is 'The run of the event.';
comment on column tocsin.alert_logs.severity is 'How bad the event was.';
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

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin_internal.throttle_windows enable row level security;
alter table tocsin.notifications enable row level security;
alter table tocsin.alert_logs enable row level security;

create policy nobody_reads_it_through_the_api on tocsin_internal.throttle_windows using (false);
create policy members_see_notifications on tocsin.notifications
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy members_see_decisions on tocsin.alert_logs
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );

revoke all on tocsin_internal.throttle_windows, tocsin.notifications, tocsin.alert_logs
  from public, anon, authenticated, service_role;
grant select on tocsin.notifications, tocsin.alert_logs to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
