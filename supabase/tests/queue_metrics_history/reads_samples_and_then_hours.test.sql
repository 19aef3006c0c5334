begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(12);

-- ten days of one sample a minute: one message in and out each second, 5 ready, 50 at noon
insert into tocsin.queues (queue_name, project_id, found_at)
values ('emails', 'p', '2031-05-01Z');
insert into tocsin.queue_metrics (kind, queue_name, project_id, sampled_at, interval_seconds,
  status, ready_count, delayed_count, in_flight_count, enqueued_count, finished_count,
  failed_count, wait_p50_seconds, wait_p95_seconds)
select 'pgmq', 'emails', 'p', at, 60, case when extract(hour from at) = 12 then 'slow'
    else 'healthy' end::tocsin.queue_status,
  case when extract(hour from at) = 12 then 50 else 5 end, 0, 1, 60, 60, 6, 1, 2
from generate_series('2031-05-01 00:01Z'::timestamptz, '2031-05-11 00:00Z', '1 minute') as at;

select results_eq($$select bucket_at, round(ready_count_avg), ready_count_max, enqueued_count,
    enqueued_per_second, error_rate, wait_p95_seconds, worst_status::text, sample_count
  from tocsin.queue_metrics_history('2031-05-10 11:58Z', '2031-05-10 12:02Z', '2 minutes',
    p_now => '2031-05-11Z')$$, $$values
  ('2031-05-10 11:58Z'::timestamptz, 5::double precision, 5::bigint, 120::bigint,
    1::double precision, 0.1::double precision, 2::double precision, 'healthy', 2::bigint),
  ('2031-05-10 12:00Z', 50, 50, 120, 1, 0.1, 2, 'slow', 2)$$, 'Samples in buckets.');
select is((select count(*) from tocsin.queue_metrics_history('2031-05-10Z', '2031-05-11Z',
  p_queue_name => 'emails', p_now => '2031-05-11Z')), 96::bigint,
  'Up to 240 buckets of their own accord: of 15 minutes,');
select is((select count(*) from tocsin.queue_metrics_history('2031-05-10Z', '2031-05-11Z',
  p_now => '2031-05-11Z')), 24::bigint, 'or of an hour for all queues.');

select tocsin_internal.sum_queues('2031-05-11 00:07Z', 10000);
select is((select count(*) from tocsin.queue_hours), 240::bigint, 'Hours are made of samples,');
select tocsin_internal.sum_queues('2031-05-11 00:07Z', 10000);
select is((select count(*) from tocsin.queue_hours), 240::bigint, 'the same when made again.');
create temp table before as select * from tocsin.queue_metrics_history('2031-05-09Z',
  '2031-05-10Z', '1 hour', p_now => '2031-05-11Z');
select results_eq($$select tocsin_internal.prune_queues('2031-05-17 00:07Z', 100000) >= 0$$,
  array[true], 'Samples are dropped after a week.');
select results_eq($$select min(sampled_at) from tocsin.queue_metrics$$,
  array['2031-05-10 00:07Z'::timestamptz], 'No sample that is younger.');
select results_eq($$select bucket_at, ready_count_max, enqueued_count, worst_status
  from tocsin.queue_metrics_history('2031-05-09Z', '2031-05-10Z', '5 minutes',
    p_now => '2031-05-17Z')$$, 'select bucket_at, ready_count_max, enqueued_count, worst_status
  from before', 'Then hours say what samples said before.');
select is((select sum(enqueued_count) from tocsin.queue_metrics_history('2031-05-01Z',
  '2031-05-12Z', p_now => '2031-05-17Z')), (10 * 86400)::numeric,
  'A range over both counts nothing twice.');
select tocsin_internal.prune_queues('2031-08-08 12:00Z', 100000);
select results_eq($$select min(hour_at) >= '2031-05-10 12:00Z' from tocsin.queue_hours$$,
  array[true], 'Hours are dropped after 90 days.');
select throws_ok($$select from tocsin.queue_metrics_history('2031-05-02Z', '2031-05-01Z')$$,
  'TC093', null, 'A range that is none is refused,');
select throws_ok($$select from tocsin.queue_metrics_history('2031-05-01Z', '2031-05-02Z',
  '1 second')$$, 'TC093', null, 'and a bucket that is too short.');

select * from finish();
rollback;
