-- Schedules: when pg_cron runs a job, read as pg_cron reads it.
--
-- Five fields (minute, hour, day of month, month, day of week) of numbers, names, ranges, steps and
-- lists; $ for the last day of a month; @hourly, @daily, @weekly, @monthly and @yearly; and
-- 'N seconds'. As in Vixie's cron, a day has to match both day fields when one of them begins with
-- *, else either of them. A schedule is in the time zone of cron.timezone, which is GMT by default.
--
-- What cannot be read, and @reboot, is never due: nobody is told that such a job was missed.
--
-- SECURITY DEFINER functions:
--   tocsin_internal.cron_timezone()  reads cron.timezone, which members may not examine

create type tocsin_internal.cron_plan as (
  seconds int,
  minutes int[],
  hours int[],
  days int[],
  months int[],
  weekdays int[],
  is_last_day boolean,
  is_either_day boolean
);
comment on type tocsin_internal.cron_plan is
  'A schedule of pg_cron, read: an interval in seconds, or the minutes, hours, days of the month '
  '(or its last), months and days of the week (0: Sunday) that match; is_either_day: one of both '
  'kinds of day is enough.';

create function tocsin_internal.parse_cron_field(
  p_field text, p_low int, p_high int, p_names text[] default '{}'
) returns int[]
language plpgsql immutable set search_path = ''
as $$
declare
  v_part text;
  v_match text[];
  v_from int;
  v_to int;
  v_step int;
  v_all int[] := '{}';
begin
  foreach v_part in array string_to_array(lower(p_field), ',') loop
    v_match := regexp_match(v_part, '^(?:(\*)|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:/(\d{1,9}))?$');
    if v_match is null or v_match[2] is not null and v_match[3] is null and v_match[4] is not null
    then
      return null; -- pg_cron takes no step without a range
    end if;
    v_from := case when v_match[1] is not null then p_low
      when v_match[2] ~ '^\d{1,9}$' then v_match[2]::int
      else array_position(p_names, v_match[2]) - 1 + p_low end;
    v_to := case when v_match[1] is not null then p_high
      when v_match[3] is null then v_from
      when v_match[3] ~ '^\d{1,9}$' then v_match[3]::int
      else array_position(p_names, v_match[3]) - 1 + p_low end;
    v_step := coalesce(v_match[4]::int, 1);
    if (v_from between p_low and p_high and v_to between p_low and p_high
      and v_step between 1 and p_high) is not true
    then
      return null;
    end if;
    v_all := v_all || array(select generate_series(v_from, v_to, v_step));
  end loop;
  return array(select distinct n from unnest(v_all) as n order by n);
end
$$;

comment on function tocsin_internal.parse_cron_field(text, int, int, text[]) is
  'The numbers that a field of a schedule matches; null: pg_cron could not read it.';

create function tocsin_internal.parse_cron(p_schedule text) returns tocsin_internal.cron_plan
language plpgsql immutable set search_path = ''
as $$
declare
  v_text text := btrim(p_schedule, E' \t\n');
  v_fields text[];
  v_plan tocsin_internal.cron_plan;
begin
  v_plan.seconds := substring(v_text from '^([1-9]|[1-5][0-9])\s+[sS][eE][cC][oO][nN][dD][sS]?$');
  if v_plan.seconds is not null then
    return v_plan;
  end if;
  v_text := case v_text
    when '@hourly' then '0 * * * *'
    when '@daily' then '0 0 * * *'
    when '@midnight' then '0 0 * * *'
    when '@weekly' then '0 0 * * 0'
    when '@monthly' then '0 0 1 * *'
    when '@yearly' then '0 0 1 1 *'
    when '@annually' then '0 0 1 1 *'
    else v_text end;
  v_fields := regexp_split_to_array(v_text, '\s+');
  if cardinality(v_fields) < 5 then
    return null;
  end if;
  v_plan.minutes := tocsin_internal.parse_cron_field(v_fields[1], 0, 59);
  v_plan.hours := tocsin_internal.parse_cron_field(v_fields[2], 0, 23);
  v_plan.is_last_day := v_fields[3] = '$';
  v_plan.days := case when v_plan.is_last_day then '{}'
    else tocsin_internal.parse_cron_field(v_fields[3], 1, 31) end;
  v_plan.months := tocsin_internal.parse_cron_field(v_fields[4], 1, 12,
    array['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']);
  -- both 0 and 7 are Sunday
  v_plan.weekdays := array(select distinct n % 7 from unnest(tocsin_internal.parse_cron_field(
    v_fields[5], 0, 7, array['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'])) as n order by 1);
  v_plan.is_either_day := v_fields[3] !~ '^\*' and v_fields[5] !~ '^\*';
  if v_plan.minutes is null or v_plan.hours is null or v_plan.days is null
    or v_plan.months is null or v_plan.weekdays = '{}'
  then
    return null;
  end if;
  return v_plan;
end
$$;

comment on function tocsin_internal.parse_cron(text) is
  'A schedule of pg_cron, read; null when it cannot be, or is @reboot.';

create function tocsin_internal.is_cron_day(p_plan tocsin_internal.cron_plan, p_day date)
returns boolean
language sql immutable set search_path = ''
as $$
  select extract(month from p_day) = any ((p_plan).months) and case
    when (p_plan).is_either_day then d.of_month or d.of_week else d.of_month and d.of_week end
  from (
    select extract(day from p_day) = any ((p_plan).days)
        or (p_plan).is_last_day and extract(day from p_day + 1) = 1 as of_month,
      extract(dow from p_day) = any ((p_plan).weekdays) as of_week
  ) as d
$$;

comment on function tocsin_internal.is_cron_day(tocsin_internal.cron_plan, date) is
  'Whether a schedule is due at some time of a day.';

create function tocsin_internal.cron_timezone() returns text
language sql stable security definer set search_path = ''
as $$
  select case when lower(z.name) in ('gmt', 'utc') then 'UTC' else z.name end
  from (select coalesce(nullif(current_setting('cron.timezone', true), ''), 'GMT')) as z (name)
$$;

comment on function tocsin_internal.cron_timezone() is
  'The time zone of pg_cron''s schedules: its setting cron.timezone, by default GMT.';

create function tocsin_internal.due_times(
  p_plan tocsin_internal.cron_plan, p_after timestamptz, p_until timestamptz, p_limit int,
  p_zone text default 'UTC'
) returns setof timestamptz
language plpgsql stable set search_path = ''
as $$
declare
  v_day date := (p_after at time zone p_zone)::date;
  v_last constant date := least((p_until at time zone p_zone)::date, v_day + 3000);
  v_hour int;
  v_minute int;
  v_due timestamptz;
  v_count int := 0;
begin
  if p_plan is null or p_after is null or not isfinite(p_after) then
    return;
  end if;
  if (p_plan).seconds is not null then
    return query select p_after + n * make_interval(secs => (p_plan).seconds)
      from generate_series(1, p_limit) as n
      where p_after + n * make_interval(secs => (p_plan).seconds) <= p_until;
    return;
  end if;
  while v_day <= v_last loop
    if not extract(month from v_day) = any ((p_plan).months) then
      v_day := (date_trunc('month', v_day) + interval '1 month')::date;
      continue;
    end if;
    if tocsin_internal.is_cron_day(p_plan, v_day) then
      foreach v_hour in array (p_plan).hours loop
        continue when (v_day + make_interval(hours => v_hour, mins => 59)) at time zone p_zone
          <= p_after;
        foreach v_minute in array (p_plan).minutes loop
          v_due := (v_day + make_interval(hours => v_hour, mins => v_minute)) at time zone p_zone;
          continue when v_due <= p_after
            -- a minute that the clock skips does not come
            or extract(hour from v_due at time zone p_zone) <> v_hour;
          if v_due > p_until then
            return;
          end if;
          return next v_due;
          v_count := v_count + 1;
          if v_count >= p_limit then
            return;
          end if;
        end loop;
      end loop;
    end if;
    v_day := v_day + 1;
  end loop;
end
$$;

comment on function tocsin_internal.due_times(tocsin_internal.cron_plan, timestamptz, timestamptz,
  int, text) is
  'When a schedule is due after p_after, until p_until; p_limit times at most, and within eight '
  'years. An interval in seconds is counted from p_after.';

create function tocsin_internal.next_due(
  p_plan tocsin_internal.cron_plan, p_after timestamptz, p_zone text default 'UTC'
) returns timestamptz
language sql stable set search_path = ''
as $$
  select min(d) from tocsin_internal.due_times(p_plan, p_after, 'infinity', 1, p_zone) as d
$$;

comment on function tocsin_internal.next_due(tocsin_internal.cron_plan, timestamptz, text) is
  'When a schedule is due next after p_after; null: never.';

revoke all on all functions in schema tocsin_internal from public;
