begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer');
-- of 20 runs 2 fail at 12:00, and 10 at 12:30
select tocsin_internal.count_outcomes(array_agg(row(n, 's', 'r', 'a', 'w',
  case when n <= failed then 'failed' else 'succeeded' end, 1, null, null, null, at, at)
  ::tocsin_internal.run_outcomes), '2026-03-01 13:00Z')
from (values ('2026-03-01 12:00:30Z'::timestamptz, 2), ('2026-03-01 12:30:30Z', 10))
  as t (at, failed)
cross join generate_series(1, 20) as n;

create function pg_temp.found(
  p_user text, p_setting jsonb, p_points int, p_target jsonb default null)
returns jsonb language plpgsql as $$
declare
  v_answer jsonb;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  v_answer := tocsin.backtest_values(p_setting, '2026-03-01 11:00Z', '2026-03-01 13:00Z', p_points,
    p_target, '2026-03-01 13:00Z');
  reset role;
  return v_answer;
end
$$;

select is(jsonb_path_query_array(pg_temp.found('0a', '{"kind": "failure_rate"}', 500),
  '$.values[*] ? (@.at == "2026-03-01T12:30:00+00:00").value'), '[50]', 'The rate of a minute,');
select is(jsonb_path_query_array(pg_temp.found('0a', '{"kind": "failure_rate"}', 10),
  '$.values.value'), '[10, 10, 50, 50]', 'and of longer times the worst,');
select is(jsonb_path_query_array(pg_temp.found('0a', '{"kind": "success_rate"}', 10),
  '$.values.value'), '[90, 90, 50, 50]', 'which of successes is the lowest.');
select is(pg_temp.found('0a', '{"kind": "failure_rate", "parameters": {"threshold": 30}}', 10)
    #> '{values,0,is_breached}', 'false', 'Whether it is over its limit,');
select is(pg_temp.found('0a', '{"kind": "failure_rate"}', 10) #>> '{usual,mean}', '30',
  'and what is usual.');
select is(pg_temp.found('0a', '{"kind": "failure_rate"}', 10, '{"workflow_id": "other"}')
  -> 'values', '[]', 'Of one target only what it found.');
select is(pg_temp.found('99', '{"kind": "failure_rate"}', 10) -> 'values', '[]',
  'A stranger sees nothing.');
select throws_ok($$select tocsin.backtest_values('{"kind": "run_failed"}')$$, 'TC041', null,
  'A kind that hears of events has no values.');
select throws_ok($$select tocsin.backtest_values('{"kind": "failure_rate"}', now(), now())$$,
  'TC017', null, 'A range that is none is refused.');

select * from finish();
rollback;
