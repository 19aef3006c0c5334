begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

select from tocsin.setup('https://x.example/functions/v1/');
-- it has rung once by itself
delete from net.http_request_queue;
update tocsin_internal.installation set last_doorbell_id = null, last_doorbell_at = null;
create function pg_temp.rings(p_after interval) returns int language sql as $$
  select tocsin_internal.ring_doorbell(now() + p_after)::int
$$;
select is(pg_temp.rings('0'), 0, 'Where nothing fails nobody is rung.');
select tocsin.report_error('execution', 'e');
select from tocsin_internal.ingest_reports(now());
select is(pg_temp.rings('0'), 1, 'An error asks whether it is to be forwarded;');
select tocsin.report_error('execution', 'e');
select from tocsin_internal.ingest_reports(now() + interval '10 seconds');
select is(pg_temp.rings('10 seconds'), 0, 'every five minutes at most,');
select tocsin.claim_forwardings('{}', p_now => now() + interval '1 minute');
update tocsin_internal.installation set last_api_call_at = now() + interval '1 hour';
select is(pg_temp.rings('10 minutes'), 0, 'and not when nothing came since the answer.');
select tocsin.report_error('execution', 'e');
select from tocsin_internal.ingest_reports(now() + interval '11 minutes');
select is(pg_temp.rings('11 minutes'), 1, 'It asks again when something came.');
select tocsin.claim_forwardings('{"sentry": null}', p_now => now() + interval '12 minutes');
update tocsin.forwarders set is_enabled = false where forwarder = 'rollbar';
select is(pg_temp.rings('12 minutes'), 0, 'While a sender has it nobody is rung.');
select tocsin.report_error('execution', 'e');
select from tocsin_internal.ingest_reports(now() + interval '13 minutes');
select is(pg_temp.rings('13 minutes'), 1, 'What is due rings at once,');
select tocsin.record_forwardings('[]', '{"sentry": {"is_failure": true, "error": "down"}}',
  now() + interval '13 minutes');
select is(pg_temp.rings('13 minutes 4 seconds'), 0, 'not while the receiver is left alone,');
select is(pg_temp.rings('13 minutes 5 seconds'), 1, 'and then.');

select * from finish();
rollback;
