begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(15);

create function pg_temp.failing() returns text language sql as $$
  select coalesce(string_agg(
    check_name || case when hint is null then ' without a hint' else '' end, ', '), 'nothing')
  from tocsin.doctor() where status = 'fail'
$$;
create table runs (id int primary key, status text);
select from tocsin_internal.tick();
select is(pg_temp.failing(), 'functions url',
  'After the migrations alone one step is left: setup().');
select from tocsin.setup('https://x.example/functions/v1');
select is(pg_temp.failing(), 'operator', 'With the address the operator is left,');
insert into tocsin.operators (user_id) values (gen_random_uuid());
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, url) values ('hook', 'webhook', 'https://x.example');
select is(pg_temp.failing(), 'nothing', 'and with one all is well.');
savepoint all_is_well;

update tocsin_internal.installation set functions_url = null;
select is(pg_temp.failing(), 'functions url', 'The address.');
rollback to all_is_well;
select cron.unschedule('tocsin-heart');
select is(pg_temp.failing(), 'heart is scheduled', 'The job of the heart.');
rollback to all_is_well;
select cron.alter_job(jobid, active => false) from cron.job where jobname = 'tocsin-heart';
select is(pg_temp.failing(), 'heart is scheduled', 'The job, switched off.');
rollback to all_is_well;
select cron.schedule('tocsin-heart', '5 seconds', 'select 1');
select is(pg_temp.failing(), 'heart is scheduled', 'The job, of an older version.');
rollback to all_is_well;
update tocsin_internal.stages set last_run_at = now() - interval '2 minutes';
select is(pg_temp.failing(), 'heart beats', 'A scheduler that has stopped.');
rollback to all_is_well;
select pgmq.drop_queue('tocsin_deliveries_dlq');
select is(pg_temp.failing(), 'queues', 'A queue.');
rollback to all_is_well;
delete from vault.secrets where name = 'tocsin_doorbell_token';
select is(pg_temp.failing(), 'doorbell token', 'The token.');
rollback to all_is_well;
delete from tocsin_internal.doorbell_tokens;
select is(pg_temp.failing(), 'doorbell token', 'A token from another database.');
rollback to all_is_well;
delete from vault.secrets where name like 'tocsin_channel_%';
select is(pg_temp.failing(), 'channel secrets', 'The secret of a channel.');
rollback to all_is_well;
drop trigger tocsin_capture_runs on runs;
select is(pg_temp.failing(), 'watching runs', 'A trigger.');
rollback to all_is_well;
alter table runs disable trigger all;
select is(pg_temp.failing(), 'watching runs', 'A trigger that is switched off.');
rollback to all_is_well;
drop extension pg_net cascade;
select is(pg_temp.failing(), 'extension pg_net', 'An extension.');

select * from finish();
rollback;
