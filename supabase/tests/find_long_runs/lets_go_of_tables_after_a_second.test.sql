begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table a (id int primary key, status text, started_at timestamptz);
create table b (id int primary key, status text, started_at timestamptz);
create table c (id int primary key, status text, started_at timestamptz);
select (tocsin.watch_runs(t, p_options => '{"stuck_after": "1 hour"}')).source_id
from unnest(array['a', 'b', 'c']::regclass[]) as t;
-- each look takes as long as a slow disk might
create or replace function tocsin_internal.search_source(
  p_source tocsin.run_sources, p_long_after interval, p_now timestamptz
) returns bigint language plpgsql set search_path = ''
as $$
begin
  perform pg_sleep(0.6);
  insert into tocsin_internal.run_searches (source_id, way, looked_at, looked_until)
  values (p_source.source_id, 'index', p_now, p_now)
  on conflict (source_id) do update set looked_at = p_now;
  return 1;
end
$$;

select tocsin_internal.find_long_runs('2026-03-04 10:00Z');
select results_eq('select source_id from tocsin_internal.run_searches order by 1',
  array['a', 'b'], 'A beat does not hold the locks of all tables until it has read every one.');
select tocsin_internal.find_long_runs('2026-03-04 10:00:05Z');
select results_eq($$select source_id from tocsin_internal.run_searches
  where looked_at = '2026-03-04 10:00:05Z' order by 1$$, array['a', 'c'],
  'The next one begins with those that wait the longest.');

select * from finish();
rollback;
