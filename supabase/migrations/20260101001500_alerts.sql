-- Notifications, and the windows that hold occurrences back until they are told together.
--
-- An occurrence is what admission decides about: a failure event, or an alert that fired, was
-- resolved, is repeated or escalated. One that is not told at once points to the notification that
-- will tell it: the id is chosen when its window takes the first, and the window writes the
-- notification under it when it ends.
--
-- SECURITY DEFINER functions: none. All of this is written by the heart, as the owner.

create type tocsin.decision as enum ('notified', 'grouped', 'throttled', 'silenced', 'deferred',
  'dropped', 'no_channel', 'unmatched');
comment on type tocsin.decision is
  'What became of an occurrence for a setting: notified; grouped (told together with others); '
  'throttled (told in a summary); silenced; deferred (told in a digest after a quiet period); '
  'dropped; no_channel (the setting has no channel that is on); unmatched (no setting wanted it).';

create table tocsin_internal.throttle_windows (
  window_id uuid primary key default gen_random_uuid(),
  setting_id uuid not null,
  source_id text not null default '',
  project_id text not null default '',
  workflow_id text not null default '',
  is_digest boolean not null default false,
  opened_at timestamptz not null,
  wait_until timestamptz,
  closes_at timestamptz not null,
  postponed_until timestamptz,
  due_at timestamptz generated always as
    (coalesce(postponed_until, least(wait_until, closes_at))) stored,
  notified_count int not null default 0,
  grouped_count int not null default 0,
  held_count int not null default 0,
  severity tocsin.severity,
  group_id uuid,
  summary_id uuid,
  closed_at timestamptz,
  constraint what_is_held_back_is_told check (held_count = 0 or summary_id is not null),
  constraint what_is_grouped_is_told
    check ((wait_until is null) = (grouped_count = 0)
      and (wait_until is null or group_id is not null)),
  constraint no_group_waits_in_a_closed_window check (closed_at is null or wait_until is null)
);

create unique index throttle_windows_open_idx on tocsin_internal.throttle_windows
  (setting_id, source_id, project_id, workflow_id, is_digest)
  where closed_at is null and postponed_until is null;
create index throttle_windows_due_at_idx on tocsin_internal.throttle_windows (due_at)
  where closed_at is null;
create index throttle_windows_closed_at_idx on tocsin_internal.throttle_windows (closed_at);

comment on table tocsin_internal.throttle_windows is
  'Spans in which a setting may notify so often about one thing, and in which it gathers what a '
  'quiet period defers. Written by admission; what one held back is told when it ends.';
comment on column tocsin_internal.throttle_windows.window_id is 'The window.';
comment on column tocsin_internal.throttle_windows.setting_id is 'The setting that throttles.';
comment on column tocsin_internal.throttle_windows.source_id is
  'The run source that it is about; empty: the setting groups by more than a workflow.';
comment on column tocsin_internal.throttle_windows.project_id is
  'The project that it is about; empty: none, or all.';
comment on column tocsin_internal.throttle_windows.workflow_id is
  'The workflow that it is about; empty: all.';
comment on column tocsin_internal.throttle_windows.is_digest is
  'It gathers what a quiet period defers, for the digest at its end.';
comment on column tocsin_internal.throttle_windows.opened_at is 'When its first was decided.';
comment on column tocsin_internal.throttle_windows.wait_until is
  'When the group that is gathering now is told; null: none is.';
comment on column tocsin_internal.throttle_windows.closes_at is 'When what it held back is told.';
comment on column tocsin_internal.throttle_windows.postponed_until is
  'It came to its end in a quiet period: it takes nothing more, and tells what it has then.';
comment on column tocsin_internal.throttle_windows.due_at is
  'When it is to be looked at next, while open: the end of the group or its own.';
comment on column tocsin_internal.throttle_windows.notified_count is
  'How many notifications it let through.';
comment on column tocsin_internal.throttle_windows.grouped_count is
  'How many wait in the group that is gathering now.';
comment on column tocsin_internal.throttle_windows.held_count is 'How many it held back.';
comment on column tocsin_internal.throttle_windows.severity is
  'The worst of what it gathers; one that breaks through a quiet period does not wait for its end.';
comment on column tocsin_internal.throttle_windows.group_id is
  'The notification that tells, or told, the last group.';
comment on column tocsin_internal.throttle_windows.summary_id is
  'The notification that tells what it held back, when it closes.';
comment on column tocsin_internal.throttle_windows.closed_at is 'When it was closed.';

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
create index notifications_decided_at_idx on tocsin.notifications (decided_at);

comment on table tocsin.notifications is
  'What was decided to be told, as it is told: already redacted. Written by admission.';
comment on column tocsin.notifications.notification_id is 'The notification.';
comment on column tocsin.notifications.setting_id is
  'The setting that wanted it; null: somebody asked for a test, or Tocsin tells of itself.';
comment on column tocsin.notifications.project_id is
  'The project it is about; empty: none, or all.';
comment on column tocsin.notifications.workflow_id is
  'The workflow it is about; empty: none, or several.';
comment on column tocsin.notifications.purpose is
  'first: as it happened, or a group of them. summary: what a throttle window held back. digest: '
  'what a quiet period deferred. resolved: an alert is over. repeat: it still is not. escalation: '
  'nobody has acknowledged it. test: of a channel.';
comment on column tocsin.notifications.content is 'What is told; version 1 of the webhook''s data.';
comment on column tocsin.notifications.decided_at is 'When it was decided.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin_internal.throttle_windows enable row level security;
alter table tocsin.notifications enable row level security;

create policy nobody_reads_it_through_the_api on tocsin_internal.throttle_windows using (false);
create policy members_see_notifications on tocsin.notifications
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );

revoke all on tocsin_internal.throttle_windows, tocsin.notifications
  from public, anon, authenticated, service_role;
grant select on tocsin.notifications to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
