begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(15);

-- Nights of 22:00 to 07:00 and of 02:15 to 02:45 over both changes of the clocks: in Berlin, where
-- the clock jumps from 2 to 3 and back from 3 to 2; in New York, likewise on other days; on Lord
-- Howe Island, in the south, by half an hour only.
create function pg_temp.span(p_zone text, p_from time, p_to time, p_inside timestamptz)
returns text language plpgsql as $$
declare
  v_period tocsin.quiet_periods;
  v_at timestamptz := p_inside;
  v_until timestamptz;
begin
  v_period.is_enabled := true;
  v_period.time_zone := p_zone;
  v_period.days := '{1,2,3,4,5,6,7}';
  v_period.starts_at := p_from;
  v_period.ends_at := p_to;
  v_until := tocsin_internal.quiet_until(v_period, p_inside);
  if v_until is null then
    return 'not quiet';
  end if;
  -- back to its first second, and then its last one
  while tocsin_internal.quiet_until(v_period, v_at - interval '1 minute') = v_until loop
    v_at := v_at - interval '1 minute';
  end loop;
  if tocsin_internal.quiet_until(v_period, v_until - interval '1 second') <> v_until
    or tocsin_internal.quiet_until(v_period, v_until) = v_until
  then
    return 'it does not end when it says';
  end if;
  return to_char(v_at at time zone 'UTC', 'HH24:MI') || ' to '
    || to_char(v_until at time zone 'UTC', 'HH24:MI') || ' UTC, '
    || (extract(epoch from v_until - v_at) / 60)::int || ' min';
end
$$;

select is(pg_temp.span('Europe/Berlin', '22:00', '07:00', '2026-01-10 03:00Z'),
  '21:00 to 06:00 UTC, 540 min', 'A night in Berlin has nine hours in winter,');
select is(pg_temp.span('Europe/Berlin', '22:00', '07:00', '2026-07-10 03:00Z'),
  '20:00 to 05:00 UTC, 540 min', 'nine in summer,');
select is(pg_temp.span('Europe/Berlin', '22:00', '07:00', '2026-03-29 00:30Z'),
  '21:00 to 05:00 UTC, 480 min', 'eight when the clock jumps forward,');
select is(pg_temp.span('Europe/Berlin', '22:00', '07:00', '2026-10-25 00:30Z'),
  '20:00 to 06:00 UTC, 600 min', 'ten when it goes back.');
select is(pg_temp.span('America/New_York', '22:00', '07:00', '2026-03-08 06:30Z'),
  '03:00 to 11:00 UTC, 480 min', 'In New York eight on another day in spring,');
select is(pg_temp.span('America/New_York', '22:00', '07:00', '2026-11-01 06:30Z'),
  '02:00 to 12:00 UTC, 600 min', 'and ten in autumn.');
select is(pg_temp.span('Australia/Lord_Howe', '22:00', '07:00', '2026-10-03 15:00Z'),
  '11:30 to 20:00 UTC, 510 min', 'On Lord Howe the clock jumps by half an hour in October,');
select is(pg_temp.span('Australia/Lord_Howe', '22:00', '07:00', '2026-04-04 15:00Z'),
  '11:00 to 20:30 UTC, 570 min', 'and back in April.');

-- hours that the night has twice, or not at all
select is(pg_temp.span('Europe/Berlin', '02:15', '02:45', '2026-10-25 00:30Z'),
  '00:15 to 01:45 UTC, 90 min',
  'An hour that comes twice is quiet from its first beginning to its last end.');
select is(pg_temp.span('America/New_York', '01:15', '01:45', '2026-11-01 06:00Z'),
  '05:15 to 06:45 UTC, 90 min', 'In New York too.');
select is(pg_temp.span('Europe/Berlin', '02:15', '02:45', '2026-03-29 01:00Z'), 'not quiet',
  'A period in an hour that is left out does not happen.');
select is(pg_temp.span('Europe/Berlin', '01:30', '02:30', '2026-03-29 00:45Z'),
  '00:30 to 01:00 UTC, 30 min', 'One that ends in it ends when the clock jumps;');
select is(pg_temp.span('Europe/Berlin', '02:30', '04:00', '2026-03-29 01:30Z'),
  '01:00 to 02:00 UTC, 60 min', 'one that begins in it begins then.');
select is(pg_temp.span('Australia/Lord_Howe', '02:10', '03:00', '2026-10-03 15:45Z'),
  '15:30 to 16:00 UTC, 30 min', 'So with half an hour.');
select is(pg_temp.span('Australia/Lord_Howe', '01:40', '01:50', '2026-04-04 14:45Z'),
  '14:40 to 15:20 UTC, 40 min', 'Both ways.');

select * from finish();
rollback;
