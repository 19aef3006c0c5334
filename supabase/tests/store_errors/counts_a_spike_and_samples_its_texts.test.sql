begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create function pg_temp.store(p_from int, p_to int, p_now timestamptz) returns void
language sql as $$
  select tocsin_internal.store_errors(array(select jsonb_populate_record(
    null::tocsin_internal.reported_errors, jsonb_build_object('error_id', gen_random_uuid(),
      'source', 'system', 'origin', 'report', 'timestamp', p_now - make_interval(secs => 1.0 / n),
      'message', 'boom ' || n, 'metadata', '{"a": 1}'::jsonb, 'is_seen', false,
      'is_redacted', false)) from generate_series(p_from, p_to) as n), p_now)
$$;
select pg_temp.store(1, 90, '2031-05-10 10:00:05Z');
select pg_temp.store(91, 350, '2031-05-10 10:00:10Z');
select is((select count(*)::int from tocsin.error_metrics), 350,
  'In a spike each event has its row.');
select is((select count(message)::int from tocsin.error_metrics), 102,
  'The first 100 of a group in a minute keep their texts, then one in 100.');
select results_eq($$select event_count::int, sampled_out_count::int from tocsin.error_groups$$,
  $$values (350, 248)$$, 'The count is exact, and the group says how many have no text.');
select is((select count(*)::int from tocsin.error_metrics
  where is_sampled_out <> (message is null) or is_sampled_out <> (metadata = '{}')), 0,
  'Each row says it of itself.');
select pg_temp.store(351, 360, '2031-05-10 10:01:00Z');
select is((select count(message)::int from tocsin.error_metrics), 112,
  'In the next minute texts are kept again.');
select is((select sampled_out_count::int from tocsin.error_groups), 248, 'The count goes on.');

select * from finish();
rollback;
