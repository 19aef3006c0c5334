begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

create function pg_temp.store(p_message text, p_at timestamptz) returns void language plpgsql as $$
begin
  perform tocsin.report_error('execution', p_message);
  perform tocsin_internal.ingest_reports(p_at);
end
$$;
create temp table t as select now() as zero;
select pg_temp.store('before', zero - interval '2 hours') from t;
select is_empty($$select from tocsin.claim_forwardings('{}')$$, 'No secret, no work.');
update tocsin.forwarder_states set called_at = null;
select pg_temp.store('an hour is kept', zero - interval '50 minutes') from t;
select results_eq(format($$
  select forwarder, error ->> 'message', attempt from tocsin.claim_forwardings('{"sentry": null}',
    p_now => %L)$$, zero), $$values ('sentry', 'an hour is kept', 1)$$,
  'The first time, what was stored within an hour is forwarded as well.') from t;
select results_eq('select forwarder, is_configured from tocsin.forwarder_states order by 1',
  $$values ('rollbar', false), ('sentry', true)$$, 'It is known which secrets there are.');

create function pg_temp.arrived() returns void language sql as $$
  update tocsin.forwardings set state = 'forwarded'
$$;
select pg_temp.arrived();
select pg_temp.store('for sentry', zero + interval '1 minute') from t;
select tocsin.claim_forwardings('{"sentry": null}', p_now => zero + interval '2 minutes') from t;
select pg_temp.arrived();
select pg_temp.store('after that', zero + interval '3 minutes') from t;
select results_eq(format($$
  select forwarder, error ->> 'message' from tocsin.claim_forwardings('{"sentry": null,
    "rollbar": null}', p_now => %L) order by 1, 2$$, zero + interval '4 minutes'),
  $$values ('rollbar', 'after that'), ('sentry', 'after that')$$,
  'A second one begins where it was last known to be missing.') from t;

select pg_temp.arrived();

-- a secret that goes, and one that cannot be used
select is_empty(format($$select from tocsin.claim_forwardings('{"rollbar": null}', p_now => %L)$$,
  zero + interval '1 hour'), 'Without its secret,') from t;
select pg_temp.store('nobody there', zero + interval '61 minutes') from t;
select is((select count(*)::int from tocsin.forwardings w join tocsin.error_metrics e
  using (error_id) where message = 'nobody there' and forwarder = 'sentry'), 0,
  'nothing more is noted for Sentry.');
select is_empty(format($$select from tocsin.claim_forwardings(
  '{"sentry": "SENTRY_DSN is no DSN."}', p_now => %L) where forwarder = 'sentry'$$,
  zero + interval '62 minutes'), 'With one that cannot be used nothing is claimed,') from t;
select is((select count(*)::int from tocsin.forwardings w join tocsin.error_metrics e
  using (error_id) where message = 'nobody there' and forwarder = 'sentry'), 1, 'but it is kept,');
select ok((select bool_or(error ->> 'message' = 'nobody there') from tocsin.claim_forwardings(
  '{"sentry": null}', p_now => zero + interval '63 minutes')), 'until the secret is right.') from t;
update tocsin.forwarders set is_enabled = false;
update tocsin.forwardings set state = 'pending', next_attempt_at = '-infinity';
select is_empty($$select from tocsin.claim_forwardings('{"sentry": null, "rollbar": null}')$$,
  'One that is off gets nothing.');
select throws_ok($$select tocsin.claim_forwardings('[]')$$, 'TC029');

select * from finish();
rollback;
