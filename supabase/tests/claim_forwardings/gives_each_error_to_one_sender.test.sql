begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

update tocsin.forwarder_states set is_configured = true, called_at = now()
where forwarder = 'sentry';
select tocsin.report_error('execution', 'password=hunter2 ' || n, p_project_id => 'p',
  p_user_id => 'u1', p_metadata => '{"authorization": "Bearer abcdefghijkl"}',
  p_error_id => ('00000000-0000-4000-8000-' || to_char(n, 'FM000000000000'))::uuid)
from generate_series(1, 3) as n;
select from tocsin_internal.ingest_reports(now());
create function pg_temp.claim(p_limit int, p_after interval) returns table (n int, attempt int)
language sql as $$
  select right(error_id::text, 2)::int, attempt
  from tocsin.claim_forwardings('{"sentry": null}', p_limit, 60, now() + p_after) order by 1
$$;
select results_eq($$select * from pg_temp.claim(2, '0')$$, 'values (1, 1), (2, 1)',
  'As many as asked for, the oldest first.');
select results_eq($$select * from pg_temp.claim(9, '0')$$, 'values (3, 1)',
  'What one sender has another does not get.');
select is_empty($$select * from pg_temp.claim(9, '59 seconds')$$, 'While the lease lasts.');
select results_eq($$select * from pg_temp.claim(9, '60 seconds')$$,
  'values (1, 2), (2, 2), (3, 2)', 'What was never reported comes again,');
select is((select count(*)::int from tocsin.forwardings where event_id = error_id), 3,
  'under the same name.');
update tocsin.forwardings set attempt_count = 10 where error_id::text like '%1';
select results_eq($$select * from pg_temp.claim(9, '2 minutes')$$, 'values (2, 3), (3, 3)',
  'Ten times without a word are enough.');
select results_eq($$select state::text, last_error from tocsin.forwardings
  where error_id::text like '%1'$$,
  $$values ('dead', 'the sender never reported, ten times over')$$, 'It is a dead letter.');

create temp table handed as
select * from tocsin.claim_forwardings('{"sentry": null}', 1, 60, now() + interval '4 minutes');
select unalike((select error::text from handed), '%hunter2%', 'Only redacted text is handed out,');
select unalike((select error::text from handed), '%abcdefghijkl%', 'metadata too,');
select ok((select error ->> 'user_id' = 'u1' and error ->> 'group_id' <> '' from handed),
  'with what it needs.');
update tocsin.forwardings set state = 'pending', next_attempt_at = now(), ingested_at = now()
  - interval '40 days' where error_id::text like '%2';
select pg_temp.claim(9, '0');
select is((select last_error from tocsin.forwardings where error_id::text like '%2'),
  'the error is no longer kept', 'What is no longer kept cannot be forwarded, and says so.');

select * from finish();
rollback;
