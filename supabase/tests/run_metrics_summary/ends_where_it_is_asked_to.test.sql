begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.failed(p_flow text, p_at timestamptz) returns void language sql as $$
  select tocsin_internal.count_outcomes(array[row(1, 's', 'r', 'p', p_flow, 'failed', 1, null, null,
    p_at, p_at, p_at)::tocsin_internal.run_outcomes], '2026-11-10 12:00Z')$$;
create function pg_temp.shown(p_to timestamptz, p_now timestamptz default '2026-11-10 12:00Z')
returns int language sql as $$
  select coalesce(sum(failure_count), 0)::int
  from tocsin.run_metrics_summary('2026-11-08 06:00Z', p_to, p_now => p_now)$$;

select pg_temp.failed('a', '2026-11-10 02:00Z');
select pg_temp.failed('a', '2026-11-10 11:40Z');
select is((select count(*) from tocsin_internal.range_pieces('2026-11-08 06:00Z',
  '2026-11-10 12:00Z', '2026-11-10 12:00Z'))::int, 2,
  'Up to now, today is a day like the others.');
select is(pg_temp.shown('2026-11-10 12:00Z'), 2, 'All of it counts.');
select is(pg_temp.shown('2026-11-10 11:40Z'), 1, 'What came after the end does not,');
select is(pg_temp.shown('2026-11-10 11:40Z', '2026-11-10 11:40Z'), 1,
  'not when the end is the present either.');
select pg_temp.failed('b', '2026-11-10 12:00:30Z');
select is(pg_temp.shown('2026-11-10 12:00Z'), 2, 'Nor does what came later today.');

select * from finish();
rollback;
