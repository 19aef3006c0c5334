begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(19);

-- watched from 12:00 to 13:00, and again since 14:00
insert into tocsin_internal.counted_ranges (source_id, run_table, watched, watched_since,
  run_id_order)
values ('s', 'pg_class', '{[2026-03-04 12:00Z,2026-03-04 13:00Z),[2026-03-04 14:00Z,)}',
  '2026-03-04 14:00Z', 'number');

-- outcomes of run 1 in a workflow, in the order of appending: {"sign", "finished", …}
create function pg_temp.settled(p_outcomes jsonb) returns setof text language sql as $$
  select concat_ws(' ', s.verdict, (s.outcome).sign, (s.outcome).outcome, (s.outcome).workflow_id,
    to_char((s.outcome).finished_at at time zone 'UTC', '"finished" DD HH24:MI'),
    to_char((s.outcome).captured_at at time zone 'UTC', '"seen" DD HH24:MI'))
  from tocsin_internal.settle_outcomes(array(
    select row(n, 's', case when o ? 'run' then o ->> 'run' else '1' end, 'p',
      coalesce(o ->> 'flow', 'f'), coalesce(o ->> 'outcome', 'succeeded'), o ->> 'sign',
      o ->> 'signal', (o ->> 'move')::boolean, '2026-03-' || (o ->> 'started'),
      '2026-03-' || (o ->> 'finished'), '2026-03-' || coalesce(o ->> 'seen', '04 15:00Z')
      )::tocsin_internal.run_outcomes
    from jsonb_array_elements(p_outcomes) with ordinality as e (o, n))) as s
  order by (s.outcome).outcome_id, s.verdict$$;
create function pg_temp.remember(p_outcome text, p_flow text, p_finished timestamptz default null)
returns void language sql as $$
  delete from tocsin_internal.counted_runs;
  insert into tocsin_internal.counted_runs (source_id, run_id, project_id, workflow_id, outcome,
    finished_at, captured_at)
  values ('s', '1', 'p', p_flow, p_outcome, p_finished, '2026-03-04 14:30Z')$$;

-- whether its times tell
select results_eq($$select pg_temp.settled('[{"sign": 1, "finished": "04 15:30Z"}]')$$,
  array['count 1 succeeded f finished 04 15:30 seen 04 15:00',
    'forget 1 succeeded f finished 04 15:30 seen 04 15:00'],
  'A finish time that is half an hour ahead tells: nothing to remember.');
select results_eq($$select pg_temp.settled('[{"sign": 1, "finished": "04 17:00Z"}]')$$,
  array['count 1 succeeded f finished 04 17:00 seen 04 15:00',
    'remember 1 succeeded f finished 04 17:00 seen 04 15:00'],
  'One that is two hours ahead does not: remembered,');
select results_eq($$select pg_temp.settled(
    '[{"sign": 1, "finished": "04 17:00Z", "started": "04 14:10Z"}]')$$,
  array['count 1 succeeded f finished 04 17:00 seen 04 15:00',
    'forget 1 succeeded f finished 04 17:00 seen 04 15:00'],
  'but for the start, which tells in its place.');
select results_eq($$select pg_temp.settled('[{"sign": -1, "started": "04 12:10Z"}]')$$,
  array['forget -1 succeeded f seen 04 15:00'],
  'A run that began in an earlier watch may have ended in between: not taken back,');
select results_eq($$select pg_temp.settled('[{"sign": -1, "started": "04 14:10Z"}]')$$,
  array['count -1 succeeded f seen 04 15:00', 'forget -1 succeeded f seen 04 15:00'],
  'one that began in this watch is.');
select results_eq($$select pg_temp.settled('[{"sign": -1, "finished": "04 12:10Z"}]')$$,
  array['count -1 succeeded f finished 04 12:10 seen 04 15:00',
    'forget -1 succeeded f finished 04 12:10 seen 04 15:00'],
  'So is one that ended in an earlier watch.');

-- where it was counted
select results_eq($$select pg_temp.settled('[{"sign": 1, "seen": "04 15:00Z"},
    {"sign": -1, "seen": "04 15:09Z"}]')$$,
  array['count 1 succeeded f seen 04 15:00', 'count -1 succeeded f seen 04 15:00',
    'forget -1 succeeded f seen 04 15:09'],
  'A run without a finish time is taken back where it was counted, in one batch');
select pg_temp.remember('succeeded', 'f', '2026-03-01 10:00Z');
select results_eq($$select pg_temp.settled('[{"sign": -1, "seen": "04 15:09Z"}]')$$,
  array['count -1 succeeded f finished 01 10:00 seen 04 14:30',
    'forget -1 succeeded f seen 04 15:09'], 'or as it is remembered.');
select results_eq($$select pg_temp.settled('[{"sign": 1, "run": null, "seen": "04 15:00Z"},
    {"sign": -1, "run": null, "started": "04 14:10Z", "seen": "04 15:09Z"}]')$$,
  array['count 1 succeeded f seen 04 15:00', 'count -1 succeeded f seen 04 15:09'],
  'Two runs without an id are not taken for one.');

-- failures that several tables tell
delete from tocsin_internal.counted_runs;
select results_eq($$select pg_temp.settled('[
    {"sign": 1, "outcome": "failed", "signal": "event", "flow": "first"},
    {"sign": 1, "outcome": "failed", "signal": "status", "flow": "second"}]')$$,
  array['count 1 failed first seen 04 15:00', 'remember 1 failed first seen 04 15:00'],
  'The first telling counts, and is the one that is remembered.');
select pg_temp.remember('failed', 'first');
select is_empty($$select pg_temp.settled(
    '[{"sign": 1, "outcome": "failed", "signal": "status", "flow": "second"}]')$$,
  'What is remembered stays as it was told.');
select results_eq($$select pg_temp.settled('[
    {"sign": -1, "outcome": "failed", "signal": "status", "flow": "second", "seen": "04 15:01Z"},
    {"sign": 1, "outcome": "failed", "signal": "status", "flow": "third", "seen": "04 15:02Z"},
    {"sign": -1, "outcome": "failed", "signal": "status", "flow": "fourth", "seen": "04 15:03Z"}
    ]')$$,
  array['count -1 failed first seen 04 14:30', 'count 1 failed third seen 04 15:02',
    'count -1 failed third seen 04 15:02', 'forget -1 failed fourth seen 04 15:03'],
  'It is taken back from there once; what comes after is a failure of its own.');
select results_eq($$select pg_temp.settled(
    '[{"sign": -1, "outcome": "failed", "signal": "status", "finished": "04 14:20Z"}]')$$,
  array['count -1 failed first seen 04 14:30',
    'forget -1 failed f finished 04 14:20 seen 04 15:00'],
  'A time that tells takes nothing back a second time.');
select pg_temp.remember('succeeded', 'f');
select results_eq($$select pg_temp.settled(
    '[{"sign": 1, "outcome": "canceled", "signal": "status", "finished": "04 14:20Z"}]')$$,
  array['count 1 canceled f finished 04 14:20 seen 04 15:00',
    'forget 1 canceled f finished 04 14:20 seen 04 15:00'],
  'What is remembered as no failure holds nothing.');
select results_eq($$select pg_temp.settled(
    '[{"sign": 0, "outcome": "failed", "signal": "event"}]')$$,
  array['count 0 failed f seen 04 15:00'],
  'A failure that is only told leaves what is remembered.');
delete from tocsin_internal.counted_runs;
select is_empty($$select l from pg_temp.settled('[
    {"sign": -1, "outcome": "failed", "signal": "status", "move": true},
    {"sign": 1, "outcome": "failed", "signal": "status", "move": true, "flow": "g"},
    {"sign": -1, "outcome": "failed", "signal": "status", "flow": "g"}]') as l
    where l ~ '^(count|remember)'$$,
  'A failure that was never counted moves and goes without a count.');

-- how far a backfill is
select ok(not tocsin_internal.is_filled('5', null, 'number'), 'Not begun: past none.');
select ok(tocsin_internal.is_filled('a' collate "en-x-icu", 'B' collate "en-x-icu", 'text')
  and not tocsin_internal.is_filled('a' collate "en-x-icu", 'B' collate "en-x-icu", 'bytes'),
  'Text goes by its collation, what is read by bytes by these.');
select ok(tocsin_internal.is_filled('10', '10', 'number')
  and not tocsin_internal.is_filled('9x', '10', 'number'), 'It is past the last that it read.');

select * from finish();
rollback;
