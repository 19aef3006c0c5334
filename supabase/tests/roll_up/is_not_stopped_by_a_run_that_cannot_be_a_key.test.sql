begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id text, status text);
create table jobs (run_id text, failed_at timestamptz, dead_at timestamptz, error text);
select from tocsin.watch_runs('runs', p_options => '{"jobs": {"table": "public.jobs",
  "run_id": "run_id", "failed_at": "failed_at", "dead_at": "dead_at", "error": "error"}}');
insert into runs values (null, 'failed'), ('1', 'failed'),
  ((select string_agg(md5(n::text), '') from generate_series(1, 200) as n), 'failed');

select lives_ok($$select tocsin_internal.roll_up()$$,
  'Neither a run without an id nor one with an endless one stops the roll-up.');
select is((select count(*)::int from pgmq.q_tocsin_failures), 3, 'All three are forwarded.');

select * from finish();
rollback;
