begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text, started_at timestamptz,
  finished_at timestamptz);
select from tocsin.watch_runs('runs');

create function pg_temp.appended(p_run text, p_sign int, p_finished timestamptz, p_seen timestamptz)
returns void language sql as $$
  insert into tocsin_internal.run_outcomes
    (source_id, run_id, outcome, sign, started_at, finished_at, captured_at)
  values ('runs', p_run, 'succeeded', p_sign, now() + interval '1 second', p_finished, p_seen)$$;
create view durations as
  select duration_count, duration_ms_sum, duration_bins from tocsin_internal.run_totals;

-- the host's clock is a minute ahead, or gone wrong; opened again long afterwards
select pg_temp.appended('ahead', 1, now() + interval '1 minute', now() + interval '5 seconds');
select pg_temp.appended('never', 1, 'infinity', now() + interval '5 seconds');
select pg_temp.appended('next year', 1, now() + interval '1 year', now() + interval '5 seconds');
select pg_temp.appended('early', 1, now(), now() + interval '5 seconds');
select results_eq($$select sum(duration_count)::int, sum(duration_ms_sum)
  from tocsin_internal.pending_buckets('-infinity', 'infinity', null, null, null)$$,
  'values (2, 59000::double precision)',
  'A duration is what the row says, where it can be; nothing, where it ended before it began;');
select from tocsin_internal.roll_up();
select results_eq('select duration_count, duration_ms_sum from durations',
  'values (2::bigint, 59000::double precision)', 'also when it is counted.');

select pg_temp.appended(run_id, -1, finished, now() + interval '3 hours')
from (values ('ahead', now() + interval '1 minute'), ('never', 'infinity'),
  ('next year', now() + interval '1 year'), ('early', now())) as r (run_id, finished);
select results_eq($$select sum(duration_count)::int, sum(duration_ms_sum)
  from tocsin_internal.pending_buckets('-infinity', 'infinity', null, null, null)$$,
  'values (-2, -59000::double precision)', 'What is opened again takes back as much,');
select from tocsin_internal.roll_up();
select results_eq('select * from durations',
  $$values (0::bigint, 0::double precision, '{}'::smallint[])$$, 'and leaves nothing.');

select * from finish();
rollback;
