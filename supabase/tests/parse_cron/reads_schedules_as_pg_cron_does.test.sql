begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

-- A Friday.
create function pg_temp.due(p_schedule text, p_after timestamptz default '2026-02-27 10:00:30Z')
returns text language sql as $$
  select to_char(tocsin_internal.next_due(tocsin_internal.parse_cron(p_schedule), p_after)
    at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')$$;

select results_eq($$
  select schedule, pg_temp.due(schedule) from (values
    ('* * * * *'), ('*/15 * * * *'), ('5 4 * * *'), ('0,30 * * * *'), ('10-12,50 10 * * *'),
    ('0 9-17/4 * * *'), ('30 3 * * mon-fri'), ('0 0 * * SUN'), ('0 0 * * 7'), ('0 0 * * 5-7'),
    ('0 9 * jan,mar *'), ('0 12 $ * *'), ('0 0 29 2 *'), ('  0  6  * * *  '),
    ('30 seconds'), ('1 second'), ('59 SECONDS'),
    ('@hourly'), ('@daily'), ('@midnight'), ('@weekly'), ('@monthly'), ('@yearly'), ('@annually')
  ) as s (schedule)
$$, $$values
  ('* * * * *', '2026-02-27 10:01:00'), ('*/15 * * * *', '2026-02-27 10:15:00'),
  ('5 4 * * *', '2026-02-28 04:05:00'), ('0,30 * * * *', '2026-02-27 10:30:00'),
  ('10-12,50 10 * * *', '2026-02-27 10:10:00'), ('0 9-17/4 * * *', '2026-02-27 13:00:00'),
  ('30 3 * * mon-fri', '2026-03-02 03:30:00'), ('0 0 * * SUN', '2026-03-01 00:00:00'),
  ('0 0 * * 7', '2026-03-01 00:00:00'), ('0 0 * * 5-7', '2026-02-28 00:00:00'),
  ('0 9 * jan,mar *', '2026-03-01 09:00:00'), ('0 12 $ * *', '2026-02-28 12:00:00'),
  ('0 0 29 2 *', '2028-02-29 00:00:00'), ('  0  6  * * *  ', '2026-02-28 06:00:00'),
  ('30 seconds', '2026-02-27 10:01:00'), ('1 second', '2026-02-27 10:00:31'),
  ('59 SECONDS', '2026-02-27 10:01:29'), ('@hourly', '2026-02-27 11:00:00'),
  ('@daily', '2026-02-28 00:00:00'), ('@midnight', '2026-02-28 00:00:00'),
  ('@weekly', '2026-03-01 00:00:00'), ('@monthly', '2026-03-01 00:00:00'),
  ('@yearly', '2027-01-01 00:00:00'), ('@annually', '2027-01-01 00:00:00')
$$, 'Every form has its next time.');

select results_eq($$
  select schedule, pg_temp.due(schedule) from (values
    ('0 0 13 * 5'), ('0 0 */2 * 5'), ('0 0 13 * *'), ('0 0 * * 5')
  ) as s (schedule)
$$, $$values ('0 0 13 * 5', '2026-03-06 00:00:00'), ('0 0 */2 * 5', '2026-03-13 00:00:00'),
  ('0 0 13 * *', '2026-03-13 00:00:00'), ('0 0 * * 5', '2026-03-06 00:00:00')
$$, 'Of two kinds of day either is enough, unless one begins with *: then both have to match.');

select results_eq($$
  select schedule from (values ('@reboot'), ('1/20 * * * *'), ('60 * * * *'), ('* 24 * * *'),
    ('* * 0 * *'), ('* * * 13 *'), ('* * * * 8'), ('* * * *'), ('0 seconds'), ('60 seconds'),
    ('*/70 * * * *'), ('x * * * *'), ('* * * foo *'), (''), ('0 0 30 2 *')
  ) as s (schedule) where pg_temp.due(schedule) is not null
$$, array[]::text[], 'What pg_cron cannot read, and what never comes, is never due.');

select results_eq($$
  select d from tocsin_internal.due_times(tocsin_internal.parse_cron('30 2 * * *'),
    '2026-03-27Z', '2026-03-31Z', 10, 'Europe/Berlin') as d
$$, $$values ('2026-03-27 01:30Z'::timestamptz), ('2026-03-28 01:30Z'), ('2026-03-30 00:30Z')
$$, 'In another time zone the clock is its own, and an hour that it skips does not come.');

select * from finish();
rollback;
