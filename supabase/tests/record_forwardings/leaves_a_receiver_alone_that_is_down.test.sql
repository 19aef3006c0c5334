begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

update tocsin.forwarder_states set is_configured = true, called_at = now();
select tocsin.report_error('execution', 'e ' || n) from generate_series(1, 20) as n;
select from tocsin_internal.ingest_reports(now());
create function pg_temp.claim(p_after interval) returns table (sentry int, rollbar int)
language sql as $$
  select count(*) filter (where forwarder = 'sentry')::int,
    count(*) filter (where forwarder = 'rollbar')::int
  from tocsin.claim_forwardings('{"sentry": null, "rollbar": null}', 10, 1, now() + p_after)
$$;
create function pg_temp.pause(p_after interval, p_more jsonb) returns text language sql as $$
  select tocsin.record_forwardings('[]', jsonb_build_object('sentry', p_more), now() + p_after);
  select (paused_until - now() - p_after)::text from tocsin.forwarder_states
  where forwarder = 'sentry'
$$;
select results_eq($$select * from pg_temp.claim('0')$$, 'values (10, 10)', 'All is well.');
select is(pg_temp.pause('2 seconds', '{"is_failure": true, "error": "down"}'), '00:00:05',
  'A receiver that fails is left alone,');
select results_eq($$select * from pg_temp.claim('4 seconds')$$, 'values (0, 10)',
  'and the other is not.');
select results_eq($$select * from pg_temp.claim('7 seconds')$$, 'values (1, 10)',
  'Then one error is tried.');
select results_eq($$
  select pg_temp.pause('10 minutes', '{"is_failure": true, "error": "down"}')
  from generate_series(1, 4)$$,
  array['00:00:30', '00:02:00', '00:10:00', '00:10:00'], 'Each time for longer, to a bound.');
select is((select max(attempt_count) from tocsin.forwardings where forwarder = 'sentry'), 1,
  'The errors have not used up their attempts.');

select tocsin.record_forwardings(jsonb_build_array(jsonb_build_object('forwarder', 'sentry',
  'error_id', error_id, 'project_id', '', 'attempt', attempt_count, 'outcome', 'forwarded')), '{}',
  now() + interval '1 hour') from tocsin.forwardings where forwarder = 'sentry' limit 1;
select results_eq($$select sentry from pg_temp.claim('1 hour')$$, 'values (10)',
  'When one arrives, all may.');
select is(pg_temp.pause('1 hour', jsonb_build_object('until', now() + interval '90 minutes',
  'error', 'quota')), '00:30:00', 'A receiver that names a time is left alone until then.');
select is((select failure_count from tocsin.forwarder_states where forwarder = 'sentry'), 0,
  'That is no failure.');
select is(pg_temp.pause('1 hour', jsonb_build_object('until', now() + interval '90 days')),
  '1 day', 'But for a day at most at a time.');
select results_eq($$select sentry from pg_temp.claim('24 hours')$$, 'values (0)', 'Not before.');

select * from finish();
rollback;
