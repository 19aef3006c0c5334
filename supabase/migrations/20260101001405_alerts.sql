-- Alerts: what the measures have found, from pending through firing to resolved.
--
--   calm ──breached──▶ pending ──for for_duration──▶ firing ──clear for keep_firing_for──▶ resolved
--                         └──not breached──▶ calm      └─acknowledged─┘
--
-- There is one row for each time that a setting found something about a target: a workflow, a
-- project or everything. Its transitions are kept; each that people should hear of goes through
-- admission as an occurrence, just as a failure does.
--
-- SECURITY DEFINER functions: none. All of this is written by the heart, as the owner.

create type tocsin.alert_state as enum ('pending', 'firing', 'acknowledged', 'resolved');
comment on type tocsin.alert_state is
  'pending: over its limit, not yet for for_duration. firing. acknowledged: fires, and somebody '
  'knows. resolved: over.';

create type tocsin.alert_transition as enum
  ('pending', 'fired', 'acknowledged', 'resolved', 'flapping');
comment on type tocsin.alert_transition is
  'pending; fired; acknowledged; resolved; flapping (fired for '
  'the third time in an hour, and stays so until it is calm for half an hour).';

create type tocsin_internal.occurrence as (
  event_id uuid,
  what text,
  setting_id uuid,
  alert_id uuid,
  source_id text,
  project_id text,
  workflow_id text,
  run_id text,
  severity tocsin.severity,
  at timestamptz,
  title text,
  facts jsonb
);
comment on type tocsin_internal.occurrence is
  'What admission decides about: a failure, or a transition of an alert (what: failure, fired, '
  'resolved, repeated, escalated).';

create table tocsin.alerts (
  alert_id uuid primary key default gen_random_uuid(),
  setting_id uuid not null,
  setting_name text not null,
  kind text not null references tocsin.alert_kinds (kind),
  source_id text not null default '',
  project_id text not null default '',
  workflow_id text not null default '',
  severity tocsin.severity not null,
  state tocsin.alert_state not null,
  is_flapping boolean not null default false,
  pending_since timestamptz not null,
  fired_at timestamptz,
  clear_since timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by uuid,
  resolved_at timestamptz,
  told_at timestamptz,
  last_told_at timestamptz,
  value double precision,
  threshold double precision,
  unit text,
  sample bigint,
  title text,
  context jsonb not null default '{}',
  judged_at timestamptz not null,
  constraint an_alert_that_fired_says_when check (state = 'pending' or fired_at is not null),
  constraint a_resolved_alert_says_when check ((state = 'resolved') = (resolved_at is not null))
);

create unique index alerts_setting_id_source_id_project_id_workflow_id_idx on tocsin.alerts
  (setting_id, source_id, project_id, workflow_id) where state <> 'resolved';
create index alerts_setting_id_fired_at_idx on tocsin.alerts (setting_id, fired_at);
create index alerts_project_id_fired_at_idx on tocsin.alerts (project_id, fired_at);
create index alerts_kind_idx on tocsin.alerts (kind);
create index alerts_resolved_at_idx on tocsin.alerts (resolved_at);

comment on table tocsin.alerts is
  'What measures have found, and workflows that failed for a setting that tells when they succeed '
  'again: one row for each time, from its beginning to resolved. Written by the heart; kept as '
  'long after it was resolved as tocsin.retention says.';
comment on column tocsin.alerts.alert_id is 'The alert.';
comment on column tocsin.alerts.setting_id is 'The setting that found it.';
comment on column tocsin.alerts.setting_name is 'What the setting was called.';
comment on column tocsin.alerts.kind is 'Its kind.';
comment on column tocsin.alerts.source_id is 'The run source it is about; empty: more than one.';
comment on column tocsin.alerts.project_id is 'The project it is about; empty: none, or all.';
comment on column tocsin.alerts.workflow_id is 'The workflow it is about; empty: none, or all.';
comment on column tocsin.alerts.severity is 'How bad, as its setting says.';
comment on column tocsin.alerts.state is 'pending, firing, acknowledged or resolved.';
comment on column tocsin.alerts.is_flapping is
  'Whether it came and went three times in an hour: then half an hour of calm resolves it.';
comment on column tocsin.alerts.pending_since is
  'The first minute''s end at which it was over its limit.';
comment on column tocsin.alerts.fired_at is 'When it fired; null: it did not.';
comment on column tocsin.alerts.clear_since is 'Since when it is back; null: it is not.';
comment on column tocsin.alerts.acknowledged_at is 'When somebody said that they know.';
comment on column tocsin.alerts.acknowledged_by is 'Who said so.';
comment on column tocsin.alerts.resolved_at is 'When it was over.';
comment on column tocsin.alerts.told_at is 'When it was first told to somebody; null: it was not.';
comment on column tocsin.alerts.last_told_at is 'When it was last told to somebody.';
comment on column tocsin.alerts.value is
  'The value that was last judged; of failed runs, how many.';
comment on column tocsin.alerts.threshold is 'The limit it was held against.';
comment on column tocsin.alerts.unit is 'The unit of both.';
comment on column tocsin.alerts.sample is 'How much the value is made of.';
comment on column tocsin.alerts.title is 'What it is, in a sentence.';
comment on column tocsin.alerts.context is 'What else its kind knows: facts, as label and value.';
comment on column tocsin.alerts.judged_at is
  'The end of the minute that was last judged; of failed runs, when the last one failed.';

create table tocsin.alert_transitions (
  transition_id uuid primary key default gen_random_uuid(),
  alert_id uuid not null references tocsin.alerts (alert_id) on delete cascade,
  transition tocsin.alert_transition not null,
  at timestamptz not null,
  value double precision,
  sample bigint,
  note text,
  made_by uuid,
  made_at timestamptz not null
);

create index alert_transitions_alert_id_idx on tocsin.alert_transitions (alert_id);

comment on table tocsin.alert_transitions is
  'The story of each alert; kept as long as it. Written by the heart.';
comment on column tocsin.alert_transitions.transition_id is 'The transition; its id in alert_logs.';
comment on column tocsin.alert_transitions.alert_id is 'The alert.';
comment on column tocsin.alert_transitions.transition is 'What became of it.';
comment on column tocsin.alert_transitions.at is 'The end of the minute that was judged.';
comment on column tocsin.alert_transitions.value is 'The value then.';
comment on column tocsin.alert_transitions.sample is 'How much the value was made of.';
comment on column tocsin.alert_transitions.note is 'In words, where there is more to say.';
comment on column tocsin.alert_transitions.made_by is 'Who did it; null: the heart.';
comment on column tocsin.alert_transitions.made_at is 'When it was written down.';

-- How long they are kept --------------------------------------------------------------------------

insert into tocsin.retention (record, keep_for, description) values
  ('alerts', '90 days', 'Alerts with their transitions, counted from when they were resolved.');

create function tocsin_internal.prune_alerts(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_count bigint;
begin
  delete from tocsin.alerts where alert_id = any (array(
    select a.alert_id from tocsin.alerts a
    where a.resolved_at < p_now - tocsin_internal.kept_for('alerts') limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.prune_alerts(timestamptz, int) is
  'Drops alerts, with their transitions, that are over for longer than tocsin.retention says. A '
  'step of maintain().';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.alerts enable row level security;
alter table tocsin.alert_transitions enable row level security;

create policy members_see_alerts on tocsin.alerts
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
-- The policies of the alert decide which the subquery can see.
create policy members_see_transitions on tocsin.alert_transitions
  for select to authenticated using (
    exists (select from tocsin.alerts a where a.alert_id = alert_transitions.alert_id)
  );

revoke all on tocsin.alerts, tocsin.alert_transitions
  from public, anon, authenticated, service_role;
grant select on tocsin.alerts, tocsin.alert_transitions to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
