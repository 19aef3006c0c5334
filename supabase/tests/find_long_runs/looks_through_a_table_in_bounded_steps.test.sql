begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create table public.jobs (id int, day date, workflow text, status text, started_at timestamptz,
  weight text, primary key (id, day)) partition by range (day);
create table public.jobs_1 partition of public.jobs
  for values from ('2026-03-01') to ('2026-03-02');
create table public.jobs_2 partition of public.jobs
  for values from ('2026-03-02') to ('2026-03-03');
alter table public.jobs_1 alter weight set storage plain;
select from tocsin.watch_runs('public.jobs', p_options => '{"stuck_after": "1 hour"}');
update tocsin.run_sources set watched_at = '2026-03-01Z';

-- one run a page: 1,500 pages; and a page in the next partition
insert into public.jobs
select n, '2026-03-01', 'w', case when n in (1, 999, 1001, 1500) then 'running' else 'done' end,
  '2026-03-01 12:00Z', repeat('x', 7000)
from generate_series(1, 1500) as n;
insert into public.jobs values (2000, '2026-03-02', 'w', 'running', '2026-03-02 01:00Z');

select tocsin_internal.find_long_runs('2026-03-02 12:00:01Z');
select results_eq('select run_id from tocsin_internal.long_runs order by started_at, run_id::int',
  $$values ('1'), ('999')$$, 'A beat looks through a thousand pages,');
select tocsin_internal.find_long_runs('2026-03-02 12:00:06Z');
select results_eq('select run_id from tocsin_internal.long_runs order by run_id::int',
  $$values ('1'), ('999'), ('1001'), ('1500')$$, 'the next goes on where it stopped,');
select tocsin_internal.find_long_runs('2026-03-02 12:00:11Z');
select is((select max(run_id::int) from tocsin_internal.long_runs), 2000,
  'and then comes the next partition.');
select tocsin_internal.find_long_runs('2026-03-02 12:00:16Z');
select is((select sweep_table from tocsin_internal.run_searches), null, 'Then it is through,');
insert into public.jobs values (2001, '2026-03-02', 'w', 'running', '2026-03-02 10:50Z');
select is((select count(tocsin_internal.find_long_runs('2026-03-02 12:00:21Z'
  ::timestamptz + make_interval(secs => 5 * n)))::int from generate_series(0, 54) as n), 55,
  'and for the rest of five minutes');
select is((select max(run_id::int) from tocsin_internal.long_runs), 2000,
  'it does not begin again.');
select tocsin_internal.find_long_runs('2026-03-02 12:05:01Z'
  ::timestamptz + make_interval(secs => 5 * n)) from generate_series(0, 3) as n;
select is((select max(run_id::int) from tocsin_internal.long_runs), 2001, 'But after them.');

select * from finish();
rollback;
