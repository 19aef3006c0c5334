begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

-- fifty shapes, each with ids, times, addresses and values of its own
create temp table shape as
select n, (array['order', 'invoice', 'parcel', 'session', 'webhook', 'upload', 'mail', 'refund',
    'cart', 'report'])[1 + n % 10] || (array[' %s was not found', ' %s took %s ms',
    ' %s was refused by "%s"', ' %s of %s@x.example is gone',
    ' at https://x.example/%s?a=%s failed'])[1 + n / 10] as text
from generate_series(0, 49) as n;
select tocsin_internal.store_errors(array(
  select jsonb_populate_record(null::tocsin_internal.reported_errors, jsonb_build_object(
    'error_id', gen_random_uuid(), 'source', 'worker', 'origin', 'report', 'project_id', 'p',
    'timestamp', '2031-05-10 10:00Z'::timestamptz - make_interval(secs => i % 3600),
    'message', format(s.text, i * 7919, i * 13), 'user_id', 'u' || i % 300, 'run_id', 'r' || i,
    'is_seen', false, 'is_redacted', false))
  from generate_series(batch * 1000, batch * 1000 + 999) as i join shape s on s.n = i % 50),
  '2031-05-10 10:00Z')
from generate_series(0, 4) as batch;

select is((select count(*)::int from tocsin.error_groups), 50, 'Fifty shapes make fifty groups.');
select is((select count(distinct event_count)::text || ' x ' || max(event_count)
  from tocsin.error_groups), '1 x 100', 'Each has its hundred,');
select is((select sum(event_count)::int from tocsin.error_group_hours), 5000, 'also by the hour,');
select is((select sum(event_count)::int from tocsin_internal.error_buckets
  where minutes = 1), 5000, 'by the minute');
select is((select sum(event_count)::int from tocsin_internal.error_impact), 5000,
  'and by the day.');
select results_eq($$select count(*)::int, count(*) filter (where is_new)::int,
  count(distinct (fingerprint, is_sampled_out))::int from tocsin.error_metrics$$,
  $$values (5000, 50, 50)$$, 'None is lost, and the first of each group is marked.');

select * from finish();
rollback;
