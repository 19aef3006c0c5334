begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table public.jobs (id int primary key, status text, started_at timestamptz,
  finished_at timestamptz);
create index on public.jobs (started_at);
select from tocsin.watch_runs('public.jobs', p_options => '{"stuck_after": "1 hour"}');
update tocsin.run_sources set watched_at = '2026-03-01Z';
insert into public.jobs values (1, 'running', '2026-03-01 08:00Z');
select tocsin_internal.find_long_runs('2026-03-01 09:00:01Z');
select is((select count(*) from tocsin_internal.reported_errors), 1::bigint, 'It is told,');
update public.jobs set status = 'failed', finished_at = '2026-03-01 09:30Z';
select tocsin_internal.find_long_runs('2026-03-01 09:31:01Z');

-- its worker starts it again under its id, and hangs again
update public.jobs set status = 'running', started_at = '2026-03-01 10:00Z', finished_at = null;
select tocsin_internal.find_long_runs('2026-03-01 11:00:01Z');
select results_eq('select started_at, running_since, ended_at from tocsin_internal.long_runs',
  $$values ('2026-03-01 10:00Z'::timestamptz, '2026-03-01 10:00Z'::timestamptz,
    null::timestamptz)$$, 'and found again an hour after it was started again,');
select results_eq($$select timestamp from tocsin_internal.reported_errors order by 1$$,
  array['2026-03-01 09:00Z', '2026-03-01 11:00Z']::timestamptz[], 'and told again.');

-- the third time nobody looks between its end and its start
update public.jobs set started_at = '2026-03-01 11:30Z';
select tocsin_internal.find_long_runs('2026-03-01 11:31:01Z');
select results_eq('select running_since, told_at from tocsin_internal.long_runs',
  $$values ('2026-03-01 11:30Z'::timestamptz, null::timestamptz)$$,
  'A start that is later is a run of its own,');
select tocsin_internal.find_long_runs('2026-03-01 12:30:01Z');
select is((select count(*) from tocsin_internal.reported_errors), 3::bigint,
  'which is told as well.');

select * from finish();
rollback;
