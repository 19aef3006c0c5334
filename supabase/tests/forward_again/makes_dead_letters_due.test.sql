begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

update tocsin.forwarder_states set is_configured = true, called_at = now();
select tocsin.report_error('execution', 'e ' || n, p_error_id =>
  ('00000000-0000-4000-8000-' || to_char(n, 'FM000000000000'))::uuid)
from generate_series(1, 4) as n;
select from tocsin_internal.ingest_reports(now());
update tocsin.forwardings set state = 'dead', attempt_count = 10 where error_id::text not like '%4';
update tocsin.forwardings set state = 'forwarded' where error_id::text like '%4';
select is(
  tocsin.forward_again('sentry', '{00000000-0000-4000-8000-000000000001}', now()), 1::bigint,
  'One that is named,');
select is(tocsin.forward_again('sentry', p_now => now()), 2::bigint, 'and all others,');
select is((select count(*)::int from tocsin.forwardings
  where forwarder = 'rollbar' and state = 'dead'), 3, 'of that forwarder alone.');
select results_eq($$
  select error ->> 'message', attempt
  from tocsin.claim_forwardings('{"sentry": null}', p_now => now()) order by 1
$$, $$values ('e 1', 1), ('e 2', 1), ('e 3', 1)$$,
  'They are claimed with all their attempts; what arrived is not sent again.');

select * from finish();
rollback;
