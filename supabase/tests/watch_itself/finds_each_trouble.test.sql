begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(20);

create function pg_temp.found(p_now timestamptz default '2026-03-04 10:00Z') returns text
language plpgsql as $$
begin
  delete from tocsin.troubles where true;
  update tocsin_internal.self_watch_state set checked_at = null where true;
  perform tocsin_internal.watch_itself(p_now);
  return (select string_agg(kind::text, ', ' order by kind) from tocsin.troubles);
end
$$;
select is(pg_temp.found(), null, 'All is well.');

-- a stage
insert into tocsin_internal.stages values ('ingest', '2026-03-04 09:58Z', 1, 0);
select tocsin_internal.record_fault('ingest', 'XX000', 'm', null, '2026-03-04 09:59Z')
from generate_series(1, 2);
select is(pg_temp.found(), null, 'A stage that failed twice is none;');
select tocsin_internal.record_fault('ingest', 'XX000', 'it broke', null, '2026-03-04 09:59:30Z');
select is(pg_temp.found(), 'stage_failing', 'three times in a row is;');
select matches((select detail from tocsin.troubles), 'ingest: 3 times .* it broke', 'it says why;');
select is(pg_temp.found('2026-03-04 10:05Z'), null, 'five minutes later it is over;');
update tocsin_internal.stages set last_run_at = '2026-03-04 09:59:45Z' where stage = 'ingest';
select is(pg_temp.found(), null, 'one that ran to its end since is well.');
select tocsin_internal.record_fault('maintain', 'XX000', 'm', 'prune_logs', at)
from unnest(array['2026-03-04 08:07Z', '2026-03-04 09:07Z']::timestamptz[]) as at;
select is(pg_temp.found(), 'upkeep_failing', 'A step of the upkeep that failed in two hours.');
delete from tocsin_internal.stage_faults where true;

-- the heart
insert into tocsin_internal.beats (minute_at, on_time_count, late_count, last_beat_at)
values ('2026-03-04 09:55Z', 0, 11, '2026-03-04 09:55:59Z');
select is(pg_temp.found(), null, 'A heart that was 55 seconds late is none;');
update tocsin_internal.beats set late_count = 12, longest_gap = '1 minute' where true;
select is(pg_temp.found(), 'heart_late', 'a minute is.');
delete from tocsin_internal.beats where true;

-- what waits
create table runs (id int primary key, status text);
select tocsin.watch_runs('runs');
insert into runs values (1, 'failed');
update tocsin_internal.run_outcomes set captured_at = '2026-03-04 09:49Z' where true;
select is(pg_temp.found(), 'failures_waiting', 'Outcomes that nobody counts.');
update tocsin_internal.run_outcomes set captured_at = '2026-03-04 09:51Z' where true;
select is(pg_temp.found(), null, 'They have ten minutes.');

insert into tocsin.alert_channels (channel_id, name, kind, recipients)
values ('00000000-0000-4000-8000-0000000000c1', 'mail', 'email', '{a@b.test}');
update tocsin.send_paces set per_second = null where kind = 'email';
insert into tocsin.notifications (notification_id, setting_id, project_id, workflow_id, purpose,
  content, decided_at)
values ('00000000-0000-4000-8000-000000000001', gen_random_uuid(), '', '', 'first', '{}',
  '2026-03-04 09:00Z');
insert into tocsin.deliveries (delivery_id, notification_id, project_id, channel_id, channel_kind,
  channel_name, next_attempt_at, created_at)
values ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-000000000001', '',
  '00000000-0000-4000-8000-0000000000c1', 'email', 'mail', '2026-03-04 09:54Z',
  '2026-03-04 09:00Z');
select is(pg_temp.found(), 'deliveries_waiting', 'Deliveries that nobody sends.');
insert into tocsin.channel_states (channel_id, state, retry_at)
values ('00000000-0000-4000-8000-0000000000c1', 'open', '2026-03-04 10:30Z');
select is(pg_temp.found(), null, 'One whose channel rests is not late.');
select tocsin_internal.give_up_delivery('00000000-0000-4000-8000-0000000000d1', 'gone');
select is(pg_temp.found(), 'dead_letters', 'What was given up.');
update pgmq.q_tocsin_deliveries_dlq set enqueued_at = '2026-03-04 08:59Z' where true;
select is(pg_temp.found(), null, 'It is news for an hour.');

-- the rest
update tocsin_internal.self_watch_state set unaccounted_count = 2 where true;
select is(pg_temp.found(), 'unaccounted_events', 'Events without an account.');
update tocsin_internal.self_watch_state set unaccounted_count = 0 where true;
select is(pg_temp.found('2099-01-01Z'), 'failures_waiting, partitions_missing',
  'No partition ahead (and nothing was counted since).');
select tocsin.note_api_requests('[{"route": "x", "status_class": 2, "count": 100, "ms": 1},
  {"route": "x", "status_class": 5, "count": 9, "ms": 1}]', '2026-03-04 09:55Z');
select is(pg_temp.found(), null, 'Nine errors of the API are none;');
select tocsin.note_api_requests('[{"route": "x", "status_class": 5, "count": 1, "ms": 1}]',
  '2026-03-04 09:55Z');
select is(pg_temp.found(), 'api_errors', 'ten, and more than one in twenty, are.');
update tocsin.self_watch set heartbeat_url = 'https://hc.example/x' where true;
update tocsin_internal.self_watch_state
set ping_error = 'no answer', ping_answered_at = '2026-03-04 09:54Z' where true;
select is(pg_temp.found(), 'api_errors, heartbeat_failing', 'A heartbeat that is not answered.');

select * from finish();
rollback;
