begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

select tocsin.note_api_requests('[
  {"route": "GET /metrics", "status_class": 2, "count": 3, "ms": 60, "durations": [10, 20, 30]},
  {"route": "GET /metrics", "status_class": 5, "count": 1, "ms": 500, "durations": [500]}]',
  '2026-03-04 10:01Z');
select tocsin.note_api_requests('[
  {"route": "GET /metrics", "status_class": 2, "count": 1000, "ms": 20000, "durations": [20]}]',
  '2026-03-04 10:04:59Z');
select tocsin.note_api_requests('[
  {"route": "GET /health", "status_class": 2, "count": 1, "ms": 1}]', '2026-03-04 10:05Z');
select results_eq($$
  select slot_at, route, status_class, request_count, duration_ms_sum, bin_counts
  from tocsin_internal.api_requests order by 1, 2, 3
$$, $$values
  ('2026-03-04 10:00Z'::timestamptz, 'GET /metrics', 2, 1003::bigint, 20060::float,
    '{1,2,1}'::bigint[]),
  ('2026-03-04 10:00Z', 'GET /metrics', 5, 1, 500, '{1}'),
  ('2026-03-04 10:05Z', 'GET /health', 2, 1, 1, '{}')
$$, 'Counts of the same five minutes, route and class of status add up.');
select lives_ok($$select tocsin.note_api_requests('[{"route": "x", "status_class": 9, "count": 1,
  "ms": 1}, {"route": "x", "status_class": 2, "count": -1, "ms": 1}]')$$, 'Nonsense');
select is((select count(*)::int from tocsin_internal.api_requests), 3, 'is left out.');
select tocsin_internal.maintain('2026-04-08 10:01Z');
select results_eq($$select route from tocsin_internal.api_requests$$, $$values ('GET /health')$$,
  'Counts are kept for 35 days.');
set local role authenticated;
select throws_ok($$select tocsin.note_api_requests('[]')$$, '42501', null,
  'Only the service tells them.');

select * from finish();
rollback;
