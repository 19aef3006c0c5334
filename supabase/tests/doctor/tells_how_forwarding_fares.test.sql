begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(10);

create function pg_temp.finding(p_after interval default '0') returns text language sql as $$
  select status || ': ' || detail from tocsin.doctor(now() + p_after)
  where check_name = 'forwarding to sentry'
$$;
select is(pg_temp.finding(), 'ok: Not used.', 'Whoever does not use it is not bothered.');
update tocsin.forwarder_states set is_configured = true;
select is(pg_temp.finding(), 'ok: 0 errors wait; the last arrived never, UTC.', 'It is there.');
select tocsin.report_error('execution', 'e', p_error_id => '00000000-0000-4000-8000-00000000000a');
select from tocsin_internal.ingest_reports(now());
select alike(pg_temp.finding('5 minutes'), 'ok: 1 errors wait;%', 'Five minutes are no delay.');
select alike(pg_temp.finding('5 minutes 1 second'), 'fail: 1 errors wait, the oldest since%',
  'More is.');
update tocsin.forwarder_states set problem = 'SENTRY_DSN is no DSN.';
select is(pg_temp.finding(), 'fail: SENTRY_DSN is no DSN.', 'A wrong secret is told at once,');
update tocsin.forwarder_states set problem = null, is_configured = false;
select alike(pg_temp.finding(), 'fail: 1 errors wait, and the functions hold no SENTRY_DSN.',
  'and one that is gone.');
update tocsin.forwarder_states set is_configured = true;
select tocsin.record_forwardings('[]', '{"sentry": {"is_failure": true,
  "error": "Sentry answered 403."}}') from generate_series(1, 3);
select alike(pg_temp.finding(), 'fail: 1 errors wait, the last attempt failed%answered 403.',
  'A receiver that refuses is named.');
update tocsin.forwarder_states set failure_count = 0, paused_until = now() + interval '1 hour';
select alike(pg_temp.finding('10 minutes'), 'warn: 1 errors wait until%', 'A pause is a warning,');
update tocsin.forwarder_states set paused_until = null;
update tocsin.forwardings set state = 'dead';
select is(pg_temp.finding(), 'warn: 1 errors of a week were given up.', 'so is a dead letter,');
update tocsin.forwardings set state = 'pending';
update tocsin.forwarders set is_enabled = false;
select alike(pg_temp.finding(), 'warn: It is off, and 1 errors wait.', 'so is what waits on.');

select * from finish();
rollback;
