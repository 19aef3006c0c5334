begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.quiet(p_days int[], p_from time, p_to time, p_at timestamptz)
returns timestamptz language sql as $$
  select tocsin_internal.quiet_until(row(gen_random_uuid(), null, null, 'x', 'UTC', p_days, p_from,
    p_to, 'defer', null, true, now(), now())::tocsin.quiet_periods, p_at)
$$;
-- 2026-03-06 is a Friday
select is(pg_temp.quiet('{5}', '22:00', '06:00', '2026-03-07 05:59Z'),
  '2026-03-07 06:00Z'::timestamptz, 'The night of a day lasts into the next one,');
select is(pg_temp.quiet('{5}', '22:00', '06:00', '2026-03-07 06:00Z'), null, 'to its end.');
select is(pg_temp.quiet('{5}', '22:00', '06:00', '2026-03-06 05:00Z'), null,
  'The night before was another day''s.');
select is(pg_temp.quiet('{6,7}', '00:00', '00:00', '2026-03-07 12:00Z'),
  '2026-03-08 00:00Z'::timestamptz, 'The same time twice is a whole day.');
select is(pg_temp.quiet('{1}', '09:00', '17:00', '2026-03-09 09:00Z'),
  '2026-03-09 17:00Z'::timestamptz, 'By day it is that day.');

select * from finish();
rollback;
