begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', now() - interval '7 days');
select from tocsin_internal.roll_up();

-- it leaves the end of last week, which is remembered, and another one, which its own time tells
update runs set status = 'canceled', finished_at = clock_timestamp();
update runs set status = 'running', finished_at = null;

prepare buckets as
  select coalesce(min(least(success_count, failed_count, canceled_count)), 0)::int,
    coalesce(sum(success_count + failed_count + canceled_count), 0)::int
  from tocsin_internal.run_buckets where bucket_minutes = 1440;
select is_empty($$select from tocsin.run_metrics_history(now() - interval '10 days',
    now() + interval '1 day', '1 day')
  where least(success_count, failure_count, canceled_count) < 0$$,
  'What a run left on two days is taken back from each of them once, while it is pending,');
select from tocsin_internal.roll_up();
select results_eq('buckets', 'values (0, 0)', 'and when it is rolled up.');

select * from finish();
rollback;
