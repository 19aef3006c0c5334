begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table public.jobs (id int primary key, status text, started_at timestamptz);
create index on public.jobs (started_at);
select from tocsin.watch_runs('public.jobs', p_options => '{"stuck_after": "1 hour"}');
update tocsin.run_sources set watched_at = '2026-03-01Z';
insert into public.jobs values (1, 'running', '2026-03-01 09:00Z');
select tocsin_internal.find_long_runs('2026-03-01 10:30:01Z');
-- a look that had no time for more
update tocsin_internal.run_searches set looked_until = '2026-03-01 08:00Z';
delete from tocsin_internal.long_runs;
select tocsin_internal.find_long_runs('2026-03-01 10:30:06Z');
select results_eq('select run_id from tocsin_internal.long_runs', array['1'],
  'What is left over is looked at five seconds later, and not in a minute.');

insert into public.jobs values (2, 'running', '2026-03-01 09:30:03Z');
select tocsin_internal.find_long_runs('2026-03-01 10:30:11Z');
select results_eq('select run_id from tocsin_internal.long_runs', array['1'],
  'What came of age within the minute waits for the next.');

select * from finish();
rollback;
