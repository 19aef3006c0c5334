begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(15);

select tocsin.setup('https://x.example/functions/v1');
-- what the bell said, if it was for the heartbeat
create function pg_temp.rung(p_now timestamptz) returns text language plpgsql as $$
begin
  delete from net.http_request_queue where true;
  perform tocsin_internal.tick(p_now);
  return (select convert_from(body, 'UTF8')::jsonb from net.http_request_queue
    where convert_from(body, 'UTF8') ~ 'heartbeat');
end
$$;
select is(pg_temp.rung('2026-03-04 10:00Z'), null, 'Without an address nothing is pinged.');
update tocsin.self_watch set heartbeat_url = 'https://hc.example/secret' where true;
select is(pg_temp.rung('2026-03-04 10:00:05Z'), '{"type": "drain", "heartbeat": true}',
  'With one the sender is rung,');
select unalike(pg_temp.rung('2026-03-04 10:00:10Z'), '%hc.example%', 'and not told the address:');
select is(tocsin.claim_heartbeat('2026-03-04 10:00:11Z'), 'https://hc.example/secret',
  'it asks for that,');
select is(tocsin.claim_heartbeat('2026-03-04 10:00:12Z'), null, 'and one alone gets it;');
select is(pg_temp.rung('2026-03-04 10:00:15Z'), null, 'then it is not rung again,');
select is(pg_temp.rung('2026-03-04 10:01Z'), '{"type": "drain", "heartbeat": true}',
  'until the next minute.');
select tocsin.record_heartbeat(null, '2026-03-04 10:01:01Z');
select is((select ping_answered_at from tocsin_internal.self_watch_state),
  '2026-03-04 10:01:01Z', 'An answer is noted,');
select tocsin.record_heartbeat('no route', '2026-03-04 10:02:01Z');
select results_eq($$select ping_error, ping_answered_at
  from tocsin_internal.self_watch_state$$,
  $$values ('no route', '2026-03-04 10:01:01Z'::timestamptz)$$, 'and so is why there was none.');

-- a stage that fails keeps it from being pinged: whoever waits for it outside hears of it
create or replace function tocsin_internal.evaluate(
  p_now timestamptz default clock_timestamp()
) returns bigint
language plpgsql as 'begin perform 1 / 0; return 0; end';
select is(pg_temp.rung('2026-03-04 10:02Z'), '{"type": "drain", "heartbeat": true}',
  'A stage that fails for a minute is no reason');
select is(pg_temp.rung('2026-03-04 10:04Z'), null, 'to be silent, for longer it is.');
select is(tocsin.claim_heartbeat('2026-03-04 10:04Z'), null, 'Whoever asks gets nothing.');
select results_eq($$select status from tocsin.doctor('2026-03-04 10:20Z')
  where check_name = 'heartbeat'$$, array['fail'], 'doctor() tells that it does not get through.');
set local role authenticated;
select throws_ok('select tocsin.claim_heartbeat()', '42501', null, 'It is for the service alone.');
select throws_ok('select tocsin.record_heartbeat()', '42501', null, 'So is what came of it.');

select * from finish();
rollback;
