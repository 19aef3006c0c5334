begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

insert into tocsin.project_members (project_id, user_id, role) values
  ('p', '00000000-0000-4000-8000-00000000000a', 'viewer');
insert into tocsin.queues (queue_name, project_id, found_at) values
  ('emails', 'p', '2031-03-01Z'), ('secret', 'q', '2031-03-01Z');
insert into tocsin.alert_settings (name, kind, project_id, parameters, for_duration) values
  ('length', 'queue_length', 'p', '{"threshold": 10}', '2 minutes'),
  ('stalled', 'queue_stalled', 'p', '{}', '0');
insert into tocsin.queue_metrics (kind, queue_name, project_id, sampled_at, interval_seconds,
  status, ready_count, delayed_count, in_flight_count, oldest_age_seconds, enqueued_count,
  finished_count, last_read_at)
select 'pgmq', q.queue_name, q.project_id, at, 10, 'healthy', greatest(0, r.ready), 0, 0,
  greatest(0, r.ready) * 20, 1, 1, at - make_interval(secs => greatest(0, r.ready) * 20)
from tocsin.queues q
cross join generate_series('2031-03-01 12:00Z'::timestamptz, '2031-03-01 15:00Z', '10 seconds')
  as at
cross join lateral (
  select round(30 * sin(extract(epoch from at - '2031-03-01 12:00Z') / 1000))::int as ready) as r;
select tocsin_internal.evaluate(at + interval '6 seconds')
from generate_series('2031-03-01 12:01Z'::timestamptz, '2031-03-01 15:00Z', '1 minute') as at;

create temp table live as
  select a.kind, t.at, t.transition, a.workflow_id, t.value
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'flapping';
create temp table replayed as
  select s.kind, r.at, r.transition, r.workflow_id, r.value
  from tocsin.alert_settings s, tocsin_internal.replay_measure(s, '2031-03-01 12:01Z',
    '2031-03-01 15:00Z', '2031-03-01 15:00:06Z') as r;
select cmp_ok((select count(*) from live), '>', 8::bigint, 'Live told a story.');
select set_eq('select kind, at, transition, workflow_id, round(value::numeric, 6) from replayed '
  'where transition <> ''pending''', 'select kind, at, transition, workflow_id, '
  'round(value::numeric, 6) from live where transition <> ''pending''',
  'A backtest tells the same, to the minute.');

-- as a member, with what they may see
select set_config('request.jwt.claims', '{"role": "authenticated", "sub":
  "00000000-0000-4000-8000-00000000000a"}', true);
set local role authenticated;
select ok(tocsin.backtest('{"kind": "queue_length", "project_id": "p",
  "parameters": {"threshold": 10}, "for_duration": "2 minutes"}', '2031-03-01 12:01Z',
  '2031-03-01 15:00Z', p_now => '2031-03-01 15:00:06Z')::text ~ 'Queue emails has',
  'A member may try a setting.');
select ok(tocsin.backtest('{"kind": "queue_length", "project_id": "q",
  "parameters": {"threshold": 10}}', '2031-03-01 12:01Z', '2031-03-01 15:00Z',
  p_now => '2031-03-01 15:00:06Z')::text !~ 'secret',
  'They learn nothing of queues of another project.');
reset role;

-- when samples are gone, hours stand for them
select tocsin_internal.sum_queues('2031-03-01 16:07Z', 1000);
delete from tocsin.queue_metrics;
select is((select extract(epoch from tocsin_internal.replay_step(s, '2031-03-01 12:00Z',
  '2031-03-20Z')) from tocsin.alert_settings s where kind = 'queue_length'), 3600::numeric,
  'Further back it is judged by the hour,');
select results_eq($$select r.at, r.transition::text, r.value from tocsin.alert_settings s,
  tocsin_internal.replay_measure(s, '2031-03-01 12:00Z', '2031-03-01 16:00Z', '2031-03-20Z') as r
  where s.kind = 'queue_length' and r.transition in ('pending', 'fired')$$, $$values
  ('2031-03-01 13:00Z'::timestamptz, 'pending', 30::double precision),
  ('2031-03-01 14:00Z', 'fired', 24)$$, 'by the worst of each.');

select * from finish();
rollback;
