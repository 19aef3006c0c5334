begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

-- local time without a zone, and 6,000 that started in one statement
create table public.jobs (id int primary key, status text, started_at timestamp);
create index on public.jobs (started_at);
select from tocsin.watch_runs('public.jobs', p_options => '{"stuck_after": "1 hour"}');
update tocsin.run_sources set watched_at = '2026-03-01Z';
insert into public.jobs select n, 'done', '2026-03-01 08:00' from generate_series(1, 4000) as n;
insert into public.jobs
select n, case when n in (4001, 10000) then 'running' else 'done' end, '2026-03-01 09:00'
from generate_series(4001, 10000) as n;
insert into public.jobs values (10001, 'running', '2026-03-01 09:30');

select tocsin_internal.find_long_runs('2026-03-01 10:29:59Z');
select results_eq('select run_id from tocsin_internal.long_runs order by run_id::int',
  $$values ('4001'), ('10000')$$, 'All that started at one instant are seen.');
select results_eq('select way, looked_until from tocsin_internal.run_searches',
  $$values ('index', '2026-03-01 09:29:59Z'::timestamptz)$$, 'It remembers how far it has come.');

create temp table reads as select idx_tup_fetch, seq_scan from pg_stat_xact_user_tables
  where relid = 'public.jobs'::regclass;
select tocsin_internal.find_long_runs('2026-03-01 10:30:01Z');
select ok(exists (select from tocsin_internal.long_runs where run_id = '10001'),
  'In the next minute it finds what came of age since.');
select results_eq($$
  select p.idx_tup_fetch - r.idx_tup_fetch, p.seq_scan - r.seq_scan
  from pg_stat_xact_user_tables p, reads r where relid = 'public.jobs'::regclass
$$, $$values (3::bigint, 0::bigint)$$,
  'It reads nothing else: that one by its start, and the two that were open by their ids.');

alter table public.jobs rename status to state;
select tocsin_internal.find_long_runs('2026-03-01 10:31:01Z');
select tocsin_internal.find_long_runs('2026-03-01 10:31:06Z');
select results_eq('select stage, count(*) from tocsin_internal.stage_faults group by 1',
  $$values ('find_long_runs', 1::bigint)$$,
  'When the host changes its table that is a fault, tried again a minute later.');

select * from finish();
rollback;
