-- Error groups: errors that are the same one, and what people decided about them.
--
-- People change a group by adding a row to tocsin.error_group_changes, which the RPCs do for them:
-- the policy of that table decides who may, a trigger applies the change, and the row stays as the
-- record of who did what. The heart adds its own rows when an error comes back.
--
-- Errors: TC031, TC032 (docs/reference/errors.md).
-- SECURITY DEFINER functions:
--   tocsin_internal.apply_group_change()  writes error_groups, which people cannot, for a row of
--                                         error_group_changes that the policy let them add

create type tocsin.group_status as enum ('open', 'resolved', 'ignored');
comment on type tocsin.group_status is
  'What people decided about an error group: open (nothing yet), resolved, ignored for a while.';

create type tocsin.group_action as enum ('resolve', 'ignore', 'reopen', 'regress', 'unignore');
comment on type tocsin.group_action is
  'What happened to an error group: people resolve, ignore and reopen; the heart tells that a '
  'resolved one came back (regress) and that an ignored one reached its bound (unignore).';

create table tocsin.error_groups (
  group_id uuid primary key default gen_random_uuid(),
  project_id text not null,
  fingerprint text not null,
  title text not null,
  source tocsin.error_source not null,
  error_type tocsin.error_type not null,
  severity tocsin.severity not null,
  node text,
  status tocsin.group_status not null default 'open',
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  first_release text,
  last_release text,
  event_count bigint not null default 0,
  user_count bigint not null default 0,
  run_count bigint not null default 0,
  workflow_count bigint not null default 0,
  sampled_out_count bigint not null default 0,
  spike_minute timestamptz,
  spike_count int not null default 0,
  regression_count int not null default 0,
  status_changed_at timestamptz,
  ignored_until timestamptz,
  ignored_until_count bigint,
  ignored_count bigint not null default 0,
  ignored_until_rate int,
  ignored_rate_window interval,
  rate_window_began_at timestamptz,
  rate_window_count int not null default 0,
  constraint a_group_is_one_fingerprint_of_a_project unique (project_id, fingerprint)
);

create index error_groups_project_id_last_seen_at_idx on tocsin.error_groups
  (project_id, last_seen_at desc);

comment on table tocsin.error_groups is
  'Errors that are the same one: of one project, with one fingerprint. Counted by the heart; '
  'resolved, ignored and reopened by the RPCs. Kept 90 days after it was last seen.';
comment on column tocsin.error_groups.group_id is 'The group.';
comment on column tocsin.error_groups.project_id is 'Its project; empty: none.';
comment on column tocsin.error_groups.fingerprint is 'What its errors have in common.';
comment on column tocsin.error_groups.title is 'The first line of its first error, redacted.';
comment on column tocsin.error_groups.source is 'worker, webhook or system.';
comment on column tocsin.error_groups.error_type is 'What went wrong.';
comment on column tocsin.error_groups.severity is 'The severity of its newest error.';
comment on column tocsin.error_groups.node is 'The step that fails, if known.';
comment on column tocsin.error_groups.status is 'open, resolved or ignored.';
comment on column tocsin.error_groups.first_seen_at is 'When its first error happened.';
comment on column tocsin.error_groups.last_seen_at is 'When its newest error happened.';
comment on column tocsin.error_groups.first_release is 'The release of its first error, if known.';
comment on column tocsin.error_groups.last_release is 'The release of its newest error, if known.';
comment on column tocsin.error_groups.event_count is 'How many errors it has had: exact.';
comment on column tocsin.error_groups.user_count is
  'How many users it hurt: exact up to 1,023, then estimated with a standard error of 3.2 %.';
comment on column tocsin.error_groups.run_count is
  'How many runs it disrupted: exact up to 1,023, then estimated with a standard error of 3.2 %.';
comment on column tocsin.error_groups.workflow_count is
  'How many workflows it touched: exact up to 1,023, then estimated.';
comment on column tocsin.error_groups.sampled_out_count is
  'How many of its errors were counted without their text, because they came in a spike.';
comment on column tocsin.error_groups.spike_minute is 'The minute that spike_count is about.';
comment on column tocsin.error_groups.spike_count is 'How many came in within that minute.';
comment on column tocsin.error_groups.regression_count is
  'How often it came back after it was resolved.';
comment on column tocsin.error_groups.status_changed_at is 'When the status was last changed.';
comment on column tocsin.error_groups.ignored_until is 'Ignored until then.';
comment on column tocsin.error_groups.ignored_until_count is 'Ignored until so many more came.';
comment on column tocsin.error_groups.ignored_count is 'How many came since it is ignored.';
comment on column tocsin.error_groups.ignored_until_rate is
  'Ignored until so many come within ignored_rate_window.';
comment on column tocsin.error_groups.ignored_rate_window is 'The window of ignored_until_rate.';
comment on column tocsin.error_groups.rate_window_began_at is
  'When the window being counted began.';
comment on column tocsin.error_groups.rate_window_count is 'How many came in it so far.';

create table tocsin.error_group_hours (
  project_id text not null,
  fingerprint text not null,
  hour timestamptz not null,
  event_count bigint not null,
  primary key (project_id, fingerprint, hour)
);

create index error_group_hours_hour_idx on tocsin.error_group_hours (hour);

comment on table tocsin.error_group_hours is
  'How many errors of a group happened in each hour. Hours without any have no row. Written by the '
  'heart.';
comment on column tocsin.error_group_hours.project_id is 'The project of the group.';
comment on column tocsin.error_group_hours.fingerprint is 'The fingerprint of the group.';
comment on column tocsin.error_group_hours.hour is 'When the hour begins, in UTC.';
comment on column tocsin.error_group_hours.event_count is 'How many errors happened in it: exact.';

create table tocsin.error_group_changes (
  change_id bigint generated always as identity primary key,
  group_id uuid not null references tocsin.error_groups (group_id) on delete cascade,
  project_id text not null,
  action tocsin.group_action not null,
  until_at timestamptz,
  until_count bigint,
  until_rate int,
  rate_window interval,
  note text,
  changed_by uuid default auth.uid(),
  changed_at timestamptz not null default clock_timestamp(),
  constraint bounds_are_for_ignoring
    check (action = 'ignore' or num_nonnulls(until_at, until_count, until_rate, rate_window) = 0),
  constraint a_count_is_at_least_one check (until_count >= 1 and until_rate >= 1),
  constraint a_rate_has_its_window check (num_nonnulls(until_rate, rate_window) in (0, 2)),
  constraint a_window_is_a_minute_to_a_week
    check (rate_window between interval '1 minute' and interval '7 days'),
  constraint a_note_is_short check (length(note) <= 2000)
);

create index error_group_changes_group_id_idx on tocsin.error_group_changes (group_id);

comment on table tocsin.error_group_changes is
  'What happened to error groups, and who did it. Never changed; goes with its group.';
comment on column tocsin.error_group_changes.change_id is 'The order of changing.';
comment on column tocsin.error_group_changes.group_id is 'The group.';
comment on column tocsin.error_group_changes.project_id is 'Its project.';
comment on column tocsin.error_group_changes.action is
  'resolve, ignore, reopen, regress, unignore.';
comment on column tocsin.error_group_changes.until_at is 'Ignored until then.';
comment on column tocsin.error_group_changes.until_count is 'Ignored until so many more came.';
comment on column tocsin.error_group_changes.until_rate is
  'Ignored until so many come in a window.';
comment on column tocsin.error_group_changes.rate_window is 'That window.';
comment on column tocsin.error_group_changes.note is 'Why, in the words of who did it.';
comment on column tocsin.error_group_changes.changed_by is
  'The user who did it: auth.users.id. Null: the heart, or a statement in SQL.';
comment on column tocsin.error_group_changes.changed_at is 'When.';

create function tocsin_internal.hint_errors(p_project_ids text[], p_now timestamptz) returns void
language plpgsql set search_path = ''
as $$
declare
  -- what this transaction has told at this time of the heart: batches of one beat tell once
  v_told constant jsonb := nullif(current_setting('tocsin.errors_hinted', true), '');
  v_before constant text[] := case when (v_told ->> 'at')::timestamptz = p_now
    then array(select jsonb_array_elements_text(v_told -> 'projects')) else '{}' end;
  v_new constant text[] := array(
    select distinct id from unnest(p_project_ids) as id where id <> all (v_before));
begin
  if v_new <> '{}' then
    perform tocsin_internal.hint_projects('errors', v_new, p_now);
    perform set_config('tocsin.errors_hinted', jsonb_build_object('at', p_now, 'projects',
      to_jsonb(v_before || v_new))::text, true);
  end if;
end
$$;

comment on function tocsin_internal.hint_errors(text[], timestamptz) is
  'Tells open dashboards over Realtime that the error groups of these projects changed: each '
  'project once a beat.';

create function tocsin_internal.apply_group_change() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  update tocsin.error_groups g
  set status = case new.action when 'resolve' then 'resolved' when 'ignore' then 'ignored'
      else 'open' end::tocsin.group_status,
    status_changed_at = new.changed_at,
    ignored_until = new.until_at, ignored_until_count = new.until_count, ignored_count = 0,
    ignored_until_rate = new.until_rate, ignored_rate_window = new.rate_window,
    rate_window_began_at = null, rate_window_count = 0,
    regression_count = g.regression_count + case new.action when 'regress' then 1 else 0 end
  where g.group_id = new.group_id and g.project_id = new.project_id;
  if not found then
    raise exception 'There is no error group % in the project "%"', new.group_id, new.project_id
      using errcode = 'TC031', hint = 'select group_id, project_id from tocsin.error_groups';
  end if;
  perform tocsin_internal.hint_errors(array[new.project_id], new.changed_at);
  return null;
end
$$;

comment on function tocsin_internal.apply_group_change() is
  'Trigger of error_group_changes: gives the group its new status, and tells open dashboards. '
  'Raises TC031.';

create trigger error_group_changes_apply after insert on tocsin.error_group_changes
  for each row execute function tocsin_internal.apply_group_change();

create function tocsin_internal.change_error_group(
  p_group_id uuid, p_action tocsin.group_action, p_until_at timestamptz, p_until_count bigint,
  p_until_rate int, p_rate_window interval, p_note text, p_now timestamptz
) returns tocsin.error_groups
language plpgsql set search_path = ''
as $$
declare
  v_group tocsin.error_groups;
begin
  -- as the caller: RLS hides the groups of other projects
  select * into v_group from tocsin.error_groups where group_id = p_group_id;
  if not found then
    raise exception 'There is no error group % that you may see', p_group_id
      using errcode = 'TC031', hint = 'select group_id, title from tocsin.error_groups';
  end if;
  begin
    insert into tocsin.error_group_changes (group_id, project_id, action, until_at, until_count,
      until_rate, rate_window, note, changed_at)
    values (p_group_id, v_group.project_id, p_action, p_until_at, p_until_count, p_until_rate,
      p_rate_window, p_note, p_now);
  exception when insufficient_privilege then
    raise exception 'You may see the error group %, but not change it', p_group_id
      using errcode = 'TC032', hint = 'Ask an editor of its project, or an operator.';
  end;
  select * into v_group from tocsin.error_groups where group_id = p_group_id;
  return v_group;
end
$$;

comment on function tocsin_internal.change_error_group(uuid, tocsin.group_action, timestamptz,
  bigint, int, interval, text, timestamptz) is
  'Adds a change of a group as the caller. Raises TC031 and TC032.';

create function tocsin.resolve_error_group(
  p_group_id uuid, p_note text default null, p_now timestamptz default clock_timestamp()
) returns tocsin.error_groups
language sql set search_path = ''
as $$
  select tocsin_internal.change_error_group(p_group_id, 'resolve', null, null, null, null, p_note,
    p_now)
$$;

comment on function tocsin.resolve_error_group(uuid, text, timestamptz) is
  'Says that an error is mended. An error of the group that happens later is a regression and '
  'opens '
  'it again. For editors of the project and operators. Raises TC031, TC032.';

create function tocsin.ignore_error_group(
  p_group_id uuid, p_until timestamptz default null, p_count bigint default null,
  p_rate int default null, p_rate_window interval default null, p_note text default null,
  p_now timestamptz default clock_timestamp()
) returns tocsin.error_groups
language sql set search_path = ''
as $$
  select tocsin_internal.change_error_group(p_group_id, 'ignore', p_until, p_count, p_rate,
    p_rate_window, p_note, p_now)
$$;

comment on function tocsin.ignore_error_group(uuid, timestamptz, bigint, int, interval, text,
  timestamptz) is
  'Ignores a group: until a time, until p_count more came, until p_rate come within p_rate_window '
  '(a minute to a week), whichever is first; for good when none is given. Its errors are still '
  'counted. For editors of the project and operators. Raises TC031, TC032.';

create function tocsin.reopen_error_group(
  p_group_id uuid, p_note text default null, p_now timestamptz default clock_timestamp()
) returns tocsin.error_groups
language sql set search_path = ''
as $$
  select tocsin_internal.change_error_group(p_group_id, 'reopen', null, null, null, null, p_note,
    p_now)
$$;

comment on function tocsin.reopen_error_group(uuid, text, timestamptz) is
  'Opens a resolved or ignored group again. For editors of the project and operators. Raises '
  'TC031, '
  'TC032.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.error_groups enable row level security;
alter table tocsin.error_group_hours enable row level security;
alter table tocsin.error_group_changes enable row level security;

create policy members_see_their_projects_groups on tocsin.error_groups
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy members_see_their_projects_hours on tocsin.error_group_hours
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy members_see_what_happened_to_groups on tocsin.error_group_changes
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
-- the record says truly who did it, what people can do, and when
create policy editors_change_groups on tocsin.error_group_changes
  for insert to authenticated with check (
    ((select tocsin_internal.is_operator())
      or project_id in (select tocsin.my_project_ids('editor')))
    and changed_by = (select auth.uid()) and action in ('resolve', 'ignore', 'reopen')
    and changed_at between now() - interval '1 minute' and clock_timestamp() + interval '1 minute'
  );

revoke all on tocsin.error_groups, tocsin.error_group_hours, tocsin.error_group_changes
  from public, anon, authenticated, service_role;
grant select on tocsin.error_groups, tocsin.error_group_hours to authenticated, service_role;
grant select, insert on tocsin.error_group_changes to authenticated, service_role;

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.change_error_group(uuid, tocsin.group_action, timestamptz,
  bigint, int, interval, text, timestamptz) to authenticated, service_role;
revoke all on function tocsin.resolve_error_group(uuid, text, timestamptz),
  tocsin.ignore_error_group(uuid, timestamptz, bigint, int, interval, text, timestamptz),
  tocsin.reopen_error_group(uuid, text, timestamptz) from public, anon;
grant execute on function tocsin.resolve_error_group(uuid, text, timestamptz),
  tocsin.ignore_error_group(uuid, timestamptz, bigint, int, interval, text, timestamptz),
  tocsin.reopen_error_group(uuid, text, timestamptz) to authenticated, service_role;
