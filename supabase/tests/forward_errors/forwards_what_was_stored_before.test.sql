begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.store(p_message text, p_severity text, p_at timestamptz) returns void
language plpgsql as $$
begin
  perform tocsin.report_error('execution', p_message, p_severity => p_severity);
  perform tocsin_internal.ingest_reports(p_at);
end
$$;
select pg_temp.store('long ago', 'high', now() - interval '3 days'),
  pg_temp.store('yesterday', 'high', now() - interval '1 day'),
  pg_temp.store('not so bad', 'low', now() - interval '1 day'),
  pg_temp.store('now', 'high', now());
update tocsin.forwarders set min_severity = 'medium';
select is(tocsin.forward_errors('sentry', now() - interval '2 days', now()), 1::bigint,
  'What was stored in the range and what the settings let through');
select results_eq($$select message from tocsin.forwardings join tocsin.error_metrics
  using (error_id)$$, $$values ('yesterday')$$, 'is forwarded,');
select is(tocsin.forward_errors('sentry', now() - interval '9 days'), 2::bigint, 'each once.');
select throws_ok($$select tocsin.forward_errors('bugsnag', now())$$, 'TC028');
set local role authenticated;
select throws_ok($$select tocsin.forward_errors('sentry', now())$$, '42501');

select * from finish();
rollback;
