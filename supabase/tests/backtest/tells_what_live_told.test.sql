begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create function pg_temp.ended(p_outcome text, p_count int, p_at timestamptz,
  p_workflow_id text default 'w') returns void language sql as $$
  select tocsin_internal.count_outcomes(array_agg(row(1, 's', 'r', 'p', p_workflow_id, p_outcome, 1,
    null, null, p_at - interval '1 second', p_at, p_at)::tocsin_internal.run_outcomes), p_at)
  from generate_series(1, p_count)$$;
create function pg_temp.judge_minutes(p_from timestamptz, p_to timestamptz) returns void
language sql as $$
  select tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.setting_name || ' ' || a.workflow_id || coalesce(': ' || t.note, '')
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.setting_name, a.workflow_id$$;

-- a week of a workflow with incidents, judged live every half hour by the moved clock
insert into tocsin.alert_settings (name, kind, project_id, parameters, evaluation_interval,
  for_duration, keep_firing_for, on_no_data) values
  ('rate', 'failure_rate', 'p', '{"threshold": 20, "min_sample": 5}', '30 minutes', '1 hour',
    '30 minutes', 'ok'),
  ('count', 'failure_count', 'p', '{"threshold": 4, "window": "10 minutes"}', '30 minutes', '0',
    '0', 'keep'),
  ('missing', 'run_missing', 'p', '{"within": "1 hour"}', '30 minutes', '0', '0', 'keep'),
  ('slow', 'run_slow', 'p', '{"threshold": 900, "percentile": 50, "min_sample": 3}', '30 minutes',
    '0', '0', 'keep'),
  ('slo', 'slo_burn', 'p', '{"objective": 95, "burn_rates":
    [{"rate": 4, "short": "15 minutes", "long": "1 hour"}]}', '30 minutes', '0', '0', 'keep'),
  ('change', 'rate_changed', 'p', '{"window": "30 minutes"}', '30 minutes', '0', '0', 'keep');
update tocsin.alert_settings set created_at = '2026-03-01Z';
select tocsin_internal.count_outcomes(array_agg(row(n, 's', 'r', 'p', 'w' || n % 2,
    case when hashint4(n) % 100 < 4 or at between '2026-03-03 10:00Z' and '2026-03-03 13:10Z'
      and n % 3 = 0 or extract(hour from at at time zone 'UTC') = 20 and n % 2 = 0
      then 'failed' else 'succeeded' end, 1, null, null,
    at - make_interval(secs => 0.1 + abs(hashint4(n + 7) % 100) / 60.0), at, at)
    ::tocsin_internal.run_outcomes), '2026-03-08Z')
from (
  select n, '2026-03-01Z'::timestamptz + make_interval(secs => n * 47) as at
  from generate_series(1, 12800) as n
) as run
where at not between '2026-03-05 02:00Z' and '2026-03-05 04:00Z';
analyze tocsin_internal.run_buckets;

select tocsin_internal.evaluate(at + interval '6 seconds')
from generate_series('2026-03-01 00:30Z', '2026-03-03 23:00Z', interval '30 minutes') as at;
select tocsin_internal.evaluate(at + interval '6 seconds')
from generate_series('2026-03-03 23:30Z', '2026-03-07 23:00Z', interval '30 minutes') as at;

create function pg_temp.live(p_name text) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_object('workflow_id', workflow_id, 'fired_at', fired_at,
    'resolved_at', resolved_at, 'is_flapping', is_flapping,
    'title', title || case when is_flapping then ' (it comes and goes)' else '' end)
    order by fired_at, workflow_id)
  from tocsin.alerts where setting_name = p_name and fired_at is not null$$;
create function pg_temp.replayed(p_name text) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_object('workflow_id', a -> 'workflow_id',
    'fired_at', (a ->> 'fired_at')::timestamptz, 'resolved_at', (a ->> 'resolved_at')::timestamptz,
    'title', a -> 'title', 'is_flapping', a -> 'is_flapping')
    order by a ->> 'fired_at', a ->> 'workflow_id')
  from tocsin.alert_settings s cross join lateral jsonb_array_elements(tocsin.backtest(
    to_jsonb(s), '2026-03-01 00:30Z', '2026-03-07 23:00Z', p_now => '2026-03-08Z') -> 'alerts') as a
  where s.name = p_name$$;
select is(md5(pg_temp.replayed(name)::text), md5(pg_temp.live(name)::text),
  format('%s: %s alerts, the same in both.', name, jsonb_array_length(pg_temp.live(name))))
from tocsin.alert_settings order by name;

select * from finish();
rollback;
