begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table public.jobs (id int, status text, started_at timestamptz);
select from tocsin.watch_runs('public.jobs', p_options => '{"source_id": "jobs"}');
create function pg_temp.says() returns text language sql as $$
  select status || ' ' || detail || coalesce(' -> ' || hint, '') from tocsin.doctor()
  where check_name = 'watching jobs'$$;

select is(pg_temp.says(), 'ok public.jobs',
  'While nobody asks for long runs nothing is said of them.');
insert into tocsin.alert_settings (name, kind) values ('stuck', 'run_stuck');
select tocsin_internal.find_long_runs('2026-03-01 12:00Z');
select is(pg_temp.says(), 'warn public.jobs; long runs are not found: no start time is known, or '
  'no index is on the run''s id -> Map started_at, and make an index on the run''s id: '
  'docs/reference/alert-kinds/run_stuck.md', 'Where they cannot be found it warns.');
alter table public.jobs add primary key (id);
select tocsin_internal.find_long_runs('2026-03-01 12:01Z');
select is(pg_temp.says(), 'ok public.jobs; long runs are looked for page by page: no index is on '
  'their start times', 'Else it says which way is taken.');
create index on public.jobs (started_at);
select tocsin_internal.find_long_runs('2026-03-01 12:02Z');
select is(pg_temp.says(), 'ok public.jobs; long runs are found by the index on their start times',
  'An index is used as soon as it is there.');

select * from finish();
rollback;
