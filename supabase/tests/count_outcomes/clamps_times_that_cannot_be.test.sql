begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text, started_at timestamptz,
  finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values
  (1, 'succeeded', 'infinity', 'infinity'), (2, 'succeeded', '-infinity', '-infinity'),
  (3, 'succeeded', '1970-01-01', '1970-01-01'), (4, 'succeeded', now(), now() + interval '1 year'),
  (5, 'succeeded', now() + interval '1 hour', now()), (6, 'succeeded', null, null);
select from tocsin_internal.roll_up();

select is_empty('select * from tocsin_internal.stage_faults', 'Nothing fails,');
select results_eq($$select distinct success_count from tocsin_internal.run_buckets
  where bucket_minutes in (0, 1, 5, 15, 1440)
    and bucket_at in (date_bin('1 minute', now(), '2000-01-01Z'),
      date_bin('5 minutes', now(), '2000-01-01Z'), date_bin('15 minutes', now(), '2000-01-01Z'),
      date_bin('1 day', now(), '2000-01-01Z'), '2000-01-01Z')$$, 'values (6::bigint)',
  'every run counts now,');
select results_eq('select duration_ms_min >= 0 from tocsin_internal.run_totals', 'values (true)',
  'and no run took less than no time.');

select * from finish();
rollback;
