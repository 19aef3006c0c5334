-- Quiet periods: hours of the week in which a project's settings tell nothing, in local time.
--
-- A period applies to the settings of its own project, or to one of them. What happens in it is
-- told in one digest at its end, or dropped; a severity can break through. Local times follow the
-- zone's rules: when a night has an hour twice, the period lasts from the first time the clock
-- shows its beginning until the last time it shows its end; when an hour is left out, a time in it
-- is the moment at which the clock jumps.
--
-- SECURITY DEFINER functions: none.
-- Errors: TC012, TC018 (docs/reference/errors.md).

create type tocsin.quiet_action as enum ('defer', 'drop');
comment on type tocsin.quiet_action is
  'What a quiet period does with what happens in it: defer (one digest at its end) or drop.';

create table tocsin.quiet_periods (
  period_id uuid primary key default gen_random_uuid(),
  project_id text,
  setting_id uuid references tocsin.alert_settings (setting_id) on delete cascade,
  name text not null,
  time_zone text not null default 'UTC',
  days int[] not null default '{1,2,3,4,5,6,7}',
  starts_at time not null default '22:00',
  ends_at time not null default '07:00',
  action tocsin.quiet_action not null default 'defer',
  breaks_through_from tocsin.severity,
  is_enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_quiet_period_has_a_name check (name ~ '\S' and length(name) <= 100),
  constraint days_are_1_monday_to_7_sunday check (
    days <@ array[1, 2, 3, 4, 5, 6, 7] and cardinality(days) > 0
    and array_position(days, null) is null)
);

create index quiet_periods_project_id_idx on tocsin.quiet_periods (project_id);
create index quiet_periods_setting_id_idx on tocsin.quiet_periods (setting_id);

comment on table tocsin.quiet_periods is
  'Hours in which settings tell nothing, day by day. What happens in them is told in one digest at '
  'their end, or dropped.';
comment on column tocsin.quiet_periods.period_id is 'The quiet period.';
comment on column tocsin.quiet_periods.project_id is
  'The project whose settings are quiet. Null: those that belong to no project, the operators''.';
comment on column tocsin.quiet_periods.setting_id is
  'The one setting that is quiet. Null: all of the project.';
comment on column tocsin.quiet_periods.name is 'What people call it; decisions name it.';
comment on column tocsin.quiet_periods.time_zone is 'The IANA time zone, such as Europe/Berlin.';
comment on column tocsin.quiet_periods.days is
  'The days on which it begins: 1 (Monday) to 7 (Sunday).';
comment on column tocsin.quiet_periods.starts_at is 'When it begins, local time.';
comment on column tocsin.quiet_periods.ends_at is
  'When it ends, local time: on the next day when that is not later. The same time: a whole day.';
comment on column tocsin.quiet_periods.action is
  'defer: one digest at the end, with what has become of it by then. drop: nothing is told.';
comment on column tocsin.quiet_periods.breaks_through_from is
  'What is at least so severe is told all the same. Null: nothing is.';
comment on column tocsin.quiet_periods.is_enabled is 'Off: does nothing.';
comment on column tocsin.quiet_periods.created_at is 'When it was made.';
comment on column tocsin.quiet_periods.updated_at is 'When it was last changed.';

create function tocsin_internal.check_quiet_period() returns trigger
language plpgsql set search_path = ''
as $$
begin
  -- abbreviations know no daylight saving, and Postgres takes 'x' for a zone of its own
  if (tg_op = 'INSERT' or new.time_zone <> old.time_zone) and not exists (
    select from pg_catalog.pg_timezone_names z where z.name = new.time_zone
      and (z.name like '%/%' or z.name = 'UTC') and z.name not like 'posix%'
  ) then
    raise exception 'There is no time zone "%"', new.time_zone using errcode = 'TC018',
      hint = 'Use an IANA name such as Europe/Berlin, America/New_York or UTC.';
  end if;
  if new.setting_id is not null and not exists (
    select from tocsin.alert_settings s
    where s.setting_id = new.setting_id and s.project_id is not distinct from new.project_id
  ) then
    raise exception 'The setting of the quiet period "%" belongs to another project', new.name
      using errcode = 'TC012', hint = 'Name a setting of the period''s own project.';
  end if;
  return new;
end
$$;

comment on function tocsin_internal.check_quiet_period() is
  'Trigger of quiet_periods: the zone is known (TC018), the setting of the same project (TC012).';

create trigger quiet_periods_check before insert or update on tocsin.quiet_periods
  for each row execute function tocsin_internal.check_quiet_period();
create trigger quiet_periods_stay before update on tocsin.quiet_periods
  for each row execute function tocsin_internal.refuse_to_move('quiet period');
create trigger quiet_periods_touch before update on tocsin.quiet_periods
  for each row execute function tocsin_internal.touch_updated_at();

-- When it is quiet --------------------------------------------------------------------------------

create function tocsin_internal.local_instant(p_local timestamp, p_zone text, p_is_end boolean)
returns timestamptz
language plpgsql stable set search_path = ''
as $$
declare
  -- the offsets of a day before and a day after: a change of the clock lies between them
  v_before constant interval := ((p_local - interval '1 day') at time zone 'UTC')
    - ((p_local - interval '1 day') at time zone p_zone);
  v_after constant interval := ((p_local + interval '1 day') at time zone 'UTC')
    - ((p_local + interval '1 day') at time zone p_zone);
  v_early constant timestamptz := (p_local at time zone 'UTC') - greatest(v_before, v_after);
  v_late constant timestamptz := (p_local at time zone 'UTC') - least(v_before, v_after);
  v_low timestamptz := v_early;
  v_high timestamptz := v_late;
  v_middle timestamptz;
begin
  if (v_early at time zone p_zone) = p_local and ((v_late at time zone p_zone) <> p_local
    or not p_is_end)
  then
    return v_early;
  elsif (v_late at time zone p_zone) = p_local then
    return v_late;
  end if;
  -- the clock never shows it: the second of the jump
  while v_high - v_low > interval '1 second' loop
    v_middle := date_trunc('second', v_low + (v_high - v_low) / 2);
    if (v_middle at time zone p_zone) < p_local then
      v_low := v_middle;
    else
      v_high := v_middle;
    end if;
  end loop;
  return v_high;
end
$$;

comment on function tocsin_internal.local_instant(timestamp, text, boolean) is
  'When the clocks of a zone show a local time: the first time that they do, or, for an end, the '
  'last; when they never do, the moment at which they jump over it.';

create function tocsin_internal.quiet_until(p_period tocsin.quiet_periods, p_at timestamptz)
returns timestamptz
language plpgsql stable set search_path = ''
as $$
declare
  v_today constant date := (p_at at time zone p_period.time_zone)::date;
  v_day date;
  v_until timestamptz;
begin
  if not p_period.is_enabled then
    return null;
  end if;
  foreach v_day in array array[v_today, v_today - 1] loop
    if extract(isodow from v_day)::int = any (p_period.days)
      and tocsin_internal.local_instant(v_day + p_period.starts_at, p_period.time_zone, false)
        <= p_at
    then
      v_until := tocsin_internal.local_instant(v_day + p_period.ends_at
        + case when p_period.ends_at <= p_period.starts_at then interval '1 day'
          else interval '0' end, p_period.time_zone, true);
      if p_at < v_until then
        return v_until;
      end if;
    end if;
  end loop;
  return null;
end
$$;

comment on function tocsin_internal.quiet_until(tocsin.quiet_periods, timestamptz) is
  'When the quiet period ends that holds at p_at; null when none does.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.quiet_periods enable row level security;

create policy members_see_quiet_periods on tocsin.quiet_periods
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy editors_add_quiet_periods on tocsin.quiet_periods
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_change_quiet_periods on tocsin.quiet_periods
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_remove_quiet_periods on tocsin.quiet_periods
  for delete to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

revoke all on tocsin.quiet_periods from public, anon, authenticated, service_role;
grant select, insert, update, delete on tocsin.quiet_periods to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
