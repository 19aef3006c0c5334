begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(12);

update tocsin.forwarder_states set is_configured = true, called_at = now()
where forwarder = 'sentry';
select tocsin.report_error('execution', 'e', p_project_id => 'p',
  p_error_id => ('00000000-0000-4000-8000-' || to_char(n, 'FM000000000000'))::uuid)
from generate_series(1, 4) as n;
select from tocsin_internal.ingest_reports(now());
create function pg_temp.claim(p_after interval default '0') returns setof int language sql as $$
  select right(error_id::text, 2)::int
  from tocsin.claim_forwardings('{"sentry": null}', 9, 60, now() + p_after) order by 1
$$;
create function pg_temp.record(p_n int, p_attempt int, p_outcome text, p_more jsonb default '{}')
returns int language sql as $$
  select tocsin.record_forwardings(jsonb_build_array(jsonb_build_object('forwarder', 'sentry',
    'project_id', 'p', 'error_id', '00000000-0000-4000-8000-' || to_char(p_n, 'FM000000000000'),
    'attempt', p_attempt, 'outcome', p_outcome) || p_more), p_now => now())
$$;
create function pg_temp.state(p_n int) returns text language sql as $$
  select concat_ws(' ', state, attempt_count, http_status, last_error) from tocsin.forwardings
  where error_id::text like '%' || p_n
$$;
select pg_temp.claim();
select is(pg_temp.record(1, 1, 'forwarded', '{"http_status": 200}'), 1, 'One that arrived');
select is(pg_temp.state(1), 'forwarded 1 200', 'is done.');
select pg_temp.record(2, 1, 'retry', jsonb_build_object('http_status', 503, 'error',
  'Sentry answered 503: token=sk_live_51H8xyzABCDEFGHIJKLMN',
  'next_attempt_at', now() + interval '5 seconds'));
select alike(pg_temp.state(2), 'pending 1 503 Sentry answered 503: token=%redacted%',
  'One that is to be tried again says why, without a secret.');
select pg_temp.record(3, 1, 'dead', '{"http_status": 400, "error": "Sentry answered 400"}');
select is(pg_temp.state(3), 'dead 1 400 Sentry answered 400', 'One that cannot arrive is dead.');
select pg_temp.record(4, 1, 'released');
select is(pg_temp.state(4), 'pending 0', 'One that was not tried has lost nothing.');
select is(array(select pg_temp.claim()), array[4], 'It is due at once,');
select is(array(select pg_temp.claim('5 seconds')), array[2], 'the other in its time.');

-- words that come late
select pg_temp.claim('2 minutes');
select is(pg_temp.record(4, 1, 'dead'), 0, 'Late word of failure is not believed,');
select is(pg_temp.record(4, 1, 'forwarded'), 1, 'late word of success is,');
select is(pg_temp.record(4, 2, 'retry', jsonb_build_object('next_attempt_at', now())), 0,
  'and stays.');
select throws_ok($$select pg_temp.record(2, 2, 'lost')$$, 'TC029');
select throws_ok($$select pg_temp.record(2, 2, 'retry')$$, 'TC029');

select * from finish();
rollback;
