-- Self-watch: whom Tocsin tells what is wrong with itself, and what that is.
--
-- An operator names a channel and another as its fallback in tocsin.self_watch, and an address
-- outside that is pinged while the heart is well. What is wrong is in tocsin.troubles, found once a
-- minute (watching). None of it goes through settings, matching or admission: these may be what is
-- wrong.
--
-- Errors: TC089 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create table tocsin.self_watch (
  is_the_only_row boolean primary key default true,
  channel_id uuid references tocsin.alert_channels (channel_id) on delete set null,
  fallback_channel_id uuid references tocsin.alert_channels (channel_id) on delete set null,
  repeat_interval interval not null default '1 day',
  heartbeat_url text,
  updated_at timestamptz not null default clock_timestamp(),
  constraint there_is_one_self_watch check (is_the_only_row),
  constraint the_fallback_is_another_channel check (fallback_channel_id <> channel_id),
  constraint repeat_interval_is_zero_or_an_hour_to_a_month check (repeat_interval = interval '0'
    or repeat_interval between interval '1 hour' and interval '31 days'),
  constraint heartbeat_url_is_http check (heartbeat_url ~ '^https?://[^/\s@]+(/\S*)?$')
);

create index self_watch_channel_id_idx on tocsin.self_watch (channel_id);
create index self_watch_fallback_channel_id_idx on tocsin.self_watch (fallback_channel_id);

comment on table tocsin.self_watch is
  'Whom Tocsin tells what is wrong with itself, in one row. For operators: edit it here.';
comment on column tocsin.self_watch.is_the_only_row is 'Always true: keeps it one row.';
comment on column tocsin.self_watch.channel_id is
  'The channel that is told: one of the operators'' own (of no project). Null: nobody is told.';
comment on column tocsin.self_watch.fallback_channel_id is
  'The channel that is told instead when the first is off, resting or does not take it within two '
  'minutes. Best of another kind.';
comment on column tocsin.self_watch.repeat_interval is
  'How often a trouble that goes on is told again. 0: never.';
comment on column tocsin.self_watch.heartbeat_url is
  'An address outside that is asked (GET) once a minute while the heart is well, and that alerts '
  'when it is not: of healthchecks.io, Better Stack, Cronitor and their like. https, unless the '
  'function''s secrets allow the host. Null: none.';
comment on column tocsin.self_watch.updated_at is 'When it was last changed.';

insert into tocsin.self_watch default values;

create table tocsin_internal.self_watch_state (
  is_the_only_row boolean primary key default true,
  checked_at timestamptz,
  unaccounted_count bigint not null default 0,
  pinged_at timestamptz,
  ping_answered_at timestamptz,
  ping_error text,
  constraint there_is_one_state check (is_the_only_row)
);

comment on table tocsin_internal.self_watch_state is
  'What the self-watch remembers, in one row. Written by the heart, the upkeep and tocsin-notify.';
comment on column tocsin_internal.self_watch_state.is_the_only_row is 'Always true: one row.';
comment on column tocsin_internal.self_watch_state.checked_at is
  'When it was last looked for troubles.';
comment on column tocsin_internal.self_watch_state.unaccounted_count is
  'How many events had no account at the last upkeep: tocsin.unaccounted_events.';
comment on column tocsin_internal.self_watch_state.pinged_at is
  'When tocsin-notify last took it on itself to ping the address outside.';
comment on column tocsin_internal.self_watch_state.ping_answered_at is
  'When the address last answered well.';
comment on column tocsin_internal.self_watch_state.ping_error is
  'Why it did not at the last ping; null: it did.';

insert into tocsin_internal.self_watch_state default values;

create type tocsin.trouble_kind as enum ('stage_failing', 'upkeep_failing', 'heart_late',
  'failures_waiting', 'deliveries_waiting', 'dead_letters', 'unaccounted_events',
  'partitions_missing', 'api_errors', 'heartbeat_failing');
comment on type tocsin.trouble_kind is
  'What can be wrong with Tocsin itself: docs/how-to/watch-tocsin-itself.md';

create table tocsin.troubles (
  trouble_id uuid primary key default gen_random_uuid(),
  kind tocsin.trouble_kind not null,
  severity tocsin.severity not null,
  title text not null,
  detail text not null,
  hint text not null,
  began_at timestamptz not null,
  seen_at timestamptz not null,
  told_at timestamptz,
  ended_at timestamptz,
  constraint a_trouble_ends_after_it_began check (ended_at >= began_at)
);

create unique index troubles_kind_idx on tocsin.troubles (kind) where ended_at is null;
create index troubles_began_at_idx on tocsin.troubles (began_at desc);

comment on table tocsin.troubles is
  'What is or was wrong with Tocsin itself. Written by the heart, once a minute; for operators; '
  'kept 90 days.';
comment on column tocsin.troubles.trouble_id is 'The trouble.';
comment on column tocsin.troubles.kind is 'What is wrong. Of each kind there is one at a time.';
comment on column tocsin.troubles.severity is 'How bad it is.';
comment on column tocsin.troubles.title is 'What is wrong, in a sentence.';
comment on column tocsin.troubles.detail is 'What was found, when it was last looked for.';
comment on column tocsin.troubles.hint is 'The next step.';
comment on column tocsin.troubles.began_at is 'When it was first found.';
comment on column tocsin.troubles.seen_at is 'When it was last found.';
comment on column tocsin.troubles.told_at is
  'When it was last told; null: it was not, for want of a channel.';
comment on column tocsin.troubles.ended_at is
  'When it was over: not found for five minutes. Null: it goes on.';

create function tocsin_internal.check_self_watch() returns trigger
language plpgsql set search_path = ''
as $$
declare
  v_name text;
begin
  select c.name into v_name from tocsin.alert_channels c
  where c.channel_id in (new.channel_id, new.fallback_channel_id) and c.project_id is not null
  limit 1;
  if v_name is not null then
    raise exception 'The channel "%" belongs to a project', v_name using errcode = 'TC089',
      hint = 'Name a channel whose project_id is null: those are the operators'' own.';
  end if;
  new.updated_at := clock_timestamp();
  return new;
end
$$;

comment on function tocsin_internal.check_self_watch() is
  'Trigger of self_watch: its channels are the operators'' own. Raises TC089.';

create trigger self_watch_check before insert or update on tocsin.self_watch
  for each row execute function tocsin_internal.check_self_watch();
create trigger self_watch_audit after insert or update or delete on tocsin.self_watch
  for each row execute function tocsin_internal.note_change('is_the_only_row');

do $triggers$
declare
  v_table text;
  v_key text;
begin
  -- what else people set
  for v_table, v_key in values ('forwarders', 'forwarder'),
    ('redaction_rules', 'rule_id'), ('send_paces', 'kind')
  loop
    execute format('create trigger %I after insert or update or delete on tocsin.%I '
      'for each row execute function tocsin_internal.note_change(%L)', v_table || '_audit',
      v_table, v_key);
  end loop;
end
$triggers$;

-- of queues what people say of them, not what the heart finds
create trigger queues_audit after delete on tocsin.queues
  for each row when (old.dropped_at is null)
  execute function tocsin_internal.note_change('kind,queue_name');
create trigger queues_audit_of_new_ones after insert on tocsin.queues
  for each row when (new.found_at is null)
  execute function tocsin_internal.note_change('kind,queue_name');
create trigger queues_audit_of_changes after update on tocsin.queues
  for each row when (
    (old.project_id, old.sample_interval, old.is_ignored, old.dead_letter_queue,
      old.dead_letter_payload, old.slow_after, old.stalled_after, old.backing_up_over,
      old.poison_reads)
    is distinct from
    (new.project_id, new.sample_interval, new.is_ignored, new.dead_letter_queue,
      new.dead_letter_payload, new.slow_after, new.stalled_after, new.backing_up_over,
      new.poison_reads)
  ) execute function tocsin_internal.note_change('kind,queue_name');

create function tocsin_internal.prune_troubles(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with gone as (
    delete from tocsin.troubles where ended_at < p_now - interval '90 days' returning 1
  )
  select count(*) from gone
$$;

comment on function tocsin_internal.prune_troubles(timestamptz, int) is
  'Drops troubles that were over 90 days ago. A step of maintain().';

create function tocsin_internal.count_unaccounted(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = ''
as $$
begin
  -- what happened in the last day: older events were looked at then
  update tocsin_internal.self_watch_state
  set unaccounted_count = (
    select count(*) from (
      select from tocsin.unaccounted_events u
      where u.event_at > p_now - interval '25 hours' limit 1000) as found)
  where is_the_only_row;
  return 0;
end
$$;

comment on function tocsin_internal.count_unaccounted(timestamptz, int) is
  'Counts what tocsin.unaccounted_events names of a day, up to 1000. A step of maintain().';

alter table tocsin.self_watch enable row level security;
alter table tocsin.troubles enable row level security;
alter table tocsin_internal.self_watch_state enable row level security;

create policy operators_see_the_self_watch on tocsin.self_watch
  for select to authenticated using ((select tocsin_internal.is_operator()));
create policy operators_change_the_self_watch on tocsin.self_watch
  for update to authenticated
  using ((select tocsin_internal.is_operator()))
  with check ((select tocsin_internal.is_operator()));
create policy operators_see_troubles on tocsin.troubles
  for select to authenticated using ((select tocsin_internal.is_operator()));
create policy nobody_reads_it_through_the_api on tocsin_internal.self_watch_state using (false);

revoke all on tocsin.self_watch, tocsin.troubles, tocsin_internal.self_watch_state
  from public, anon, authenticated, service_role;
grant select, update on tocsin.self_watch to authenticated, service_role;
grant select on tocsin.troubles to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
