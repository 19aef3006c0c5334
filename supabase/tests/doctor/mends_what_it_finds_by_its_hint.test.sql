begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(34);

create table runs (id int primary key, status text, finished_at timestamp);
create table events (id int primary key, message text, at timestamptz);
select from tocsin.watch_runs('runs');
select from tocsin.watch_errors('events');
insert into tocsin.operators (user_id) values (gen_random_uuid());
select from tocsin.setup('http://127.0.0.1:1/functions/v1');
select from tocsin_internal.tick();
select from tocsin_internal.maintain();

-- What one check says; null: it was not made.
create function pg_temp.status(p_check text) returns text language sql as $$
  select status from tocsin.doctor() where check_name = p_check
$$;
-- Runs the hint as it stands there, and says what the check says then.
create function pg_temp.mended(p_check text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  select hint into v_hint from tocsin.doctor() where check_name = p_check;
  if v_hint !~ '^(select|alter) ' then
    return 'the hint is no statement: ' || v_hint;
  end if;
  execute split_part(v_hint, ';', 1);
  return pg_temp.status(p_check);
end
$$;
select is_empty($$select check_name, detail from tocsin.doctor() where status = 'fail'$$,
  'At first nothing fails.');
savepoint all_is_well;

select pgmq.drop_queue('tocsin_failures');
select is(pg_temp.status('queues'), 'fail', 'A queue is missing:');
select is(pg_temp.mended('queues'), 'ok', 'mended.');

select cron.unschedule('tocsin-heart');
select is(pg_temp.status('heart is scheduled'), 'fail', 'The job of the heart:');
select is(pg_temp.mended('heart is scheduled'), 'ok', 'mended.');
select cron.alter_job(jobid, active => false) from cron.job where jobname = 'tocsin-upkeep';
select is(pg_temp.status('upkeep is scheduled'), 'fail', 'The job of the upkeep, switched off:');
select from tocsin.setup();
select cron.alter_job(jobid, active => true) from cron.job where jobname = 'tocsin-upkeep';
select is(pg_temp.status('upkeep is scheduled'), 'ok', 'mended.');

update tocsin_internal.stages set last_run_at = clock_timestamp() - interval '4 hours'
where stage = 'maintain';
select is(pg_temp.status('retention runs'), 'fail', 'What is over is not dropped:');
select is(pg_temp.mended('retention runs'), 'ok', 'mended.');

update tocsin_internal.stages set last_run_at = clock_timestamp() - interval '4 hours';
select is(pg_temp.status('heart beats'), 'fail', 'The heart stands still:');
select is(pg_temp.status('retention runs'), 'warn', 'then the retention only warns.');
select from tocsin_internal.tick();
select is(pg_temp.status('heart beats'), 'ok', 'It beats again.');

select pgmq.send('tocsin_failures_dlq', '{}');
select is(pg_temp.status('no dead letters'), 'warn', 'A dead letter:');
select pgmq.purge_queue('tocsin_failures_dlq');
select is(pg_temp.status('no dead letters'), 'ok', 'put away.');

select tocsin_internal.record_fault('roll_up', '22003', 'overflow');
select is(pg_temp.status('no faults'), 'warn', 'A fault,');
select is((select status from tocsin.doctor(clock_timestamp() + interval '61 minutes')
  where check_name = 'no faults'), 'ok', 'which is over after an hour.');

insert into runs values (1, 'failed', now() at time zone 'UTC');
select from tocsin_internal.tick();
update tocsin.error_metrics set ingested_at = ingested_at - interval '2 minutes',
  timestamp = timestamp - interval '2 minutes';
select is(pg_temp.status('every event is accounted for'), 'ok', 'Each failure has its decision.');
create temp table decisions as select * from tocsin.alert_logs;
delete from tocsin.alert_logs;
select is(pg_temp.status('every event is accounted for'), 'fail', 'Without, it is told of:');
insert into tocsin.alert_logs overriding system value select * from decisions;
select is(pg_temp.status('every event is accounted for'), 'ok', 'with it, all is well.');

delete from tocsin_internal.doorbell_tokens;
select is(pg_temp.status('doorbell token'), 'fail', 'The token is another database''s:');
select is(pg_temp.mended('doorbell token'), 'ok', 'mended.');

insert into tocsin.alert_channels (name, kind, url) values ('hook', 'webhook', 'https://x.example');
delete from vault.secrets where name like 'tocsin_channel_%';
select is(pg_temp.status('channel secrets'), 'fail', 'A secret that cannot be read:');
delete from tocsin.alert_channels;
insert into tocsin.alert_channels (name, kind, url) values ('hook', 'webhook', 'https://x.example');
select is(pg_temp.status('channel secrets'), 'ok', 'the channel, made again, has one.');

drop trigger tocsin_notice_events on events;
select is(pg_temp.status('watching errors events'), 'fail', 'The trigger of an events table:');
select is(pg_temp.mended('watching errors events'), 'ok', 'mended.');
alter table events rename to happenings;
select is(pg_temp.status('watching errors events'), 'fail', 'Its new name:');
select is(pg_temp.mended('watching errors events'), 'ok', 'mended.');
drop table happenings;
select is(pg_temp.status('watching errors events'), 'fail', 'It is gone:');
select is(pg_temp.mended('watching errors events'), null, 'let go.');

alter table runs alter column finished_at type timestamptz using finished_at at time zone 'UTC';
select is(pg_temp.status('watching runs'), 'fail', 'A column of another type:');
select is(pg_temp.mended('watching runs'), 'ok', 'mended.');

select is(tocsin_internal.older_version('1.4', '1.4.4'), true, '1.4 is older than 1.4.4,');
select is(tocsin_internal.older_version('1.10.0', '1.4.4'), false, '1.10.0 is not,');
select is(tocsin_internal.older_version('1.6.4-beta', '1.4.4'), false, 'nor is a beta of 1.6.4.');

select * from finish();
rollback;
