begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

-- as the heart beats: the first stage at its beginning, this one at its end
create function pg_temp.beat(p_at timestamptz) returns void language plpgsql as $$
begin
  perform tocsin_internal.run_stage((tocsin_internal.stage_names())[1], p_at);
  perform tocsin_internal.run_stage('note_beat', p_at + interval '1 second');
end
$$;
select pg_temp.beat('2026-03-04 10:00Z'::timestamptz + n * interval '5 seconds')
from generate_series(0, 23) as n;
select results_eq($$select minute_at, on_time_count, late_count from tocsin_internal.beats
  order by 1$$, $$values ('2026-03-04 10:00Z'::timestamptz, 12, 0),
  ('2026-03-04 10:01Z'::timestamptz, 12, 0)$$, 'A minute has twelve beats, all in time.');
select is((select count(*)::int from tocsin_internal.beats where duration_ms > 0), 2,
  'What their stages took is known.');
select is((select count(*)::int from tocsin_internal.stage_hours), 2,
  'Each stage has a row an hour,');
select results_eq($$select run_count, duration_ms_sum > 0 and duration_ms_max <= duration_ms_sum
  from tocsin_internal.stage_hours where stage <> 'note_beat'$$, $$values (24, true)$$,
  'with all its runs.');

select pg_temp.beat('2026-03-04 10:02:05Z');
select is((select late_count from tocsin_internal.beats where minute_at = '2026-03-04 10:02Z'), 0,
  'One that comes an interval late is in time still.');
select pg_temp.beat('2026-03-04 10:04:05Z');
select results_eq($$select on_time_count, late_count, longest_gap from tocsin_internal.beats
  where minute_at = '2026-03-04 10:04Z'$$, $$values (0, 24, interval '2 minutes')$$,
  'After two minutes of silence, all that should have come are late.');
select pg_temp.beat('2026-03-04 10:03Z');
select is((select sum(on_time_count + late_count)::int from tocsin_internal.beats), 49,
  'A clock that was put back adds nothing.');
select tocsin_internal.maintain('2026-04-08 10:03Z');
select results_eq($$select minute_at from tocsin_internal.beats$$,
  $$values ('2026-03-04 10:04Z'::timestamptz)$$, 'Beats are kept for 35 days.');

select * from finish();
rollback;
