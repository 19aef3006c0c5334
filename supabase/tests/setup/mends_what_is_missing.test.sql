begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
select from tocsin.setup('https://x.example/functions/v1', 'ada@example.com');
select from tocsin_internal.tick();
select cron.unschedule('tocsin-heart');
select pgmq.drop_queue('tocsin_failures');
delete from vault.secrets;
drop trigger tocsin_capture_runs on runs;
drop function tocsin_internal.describe_runs(text[]);
select from tocsin.setup();

select is_empty($$
  select check_name, detail from tocsin.doctor() where status = 'fail' and check_name <> 'operator'
$$, 'The job, the queue, the token, the trigger and the look-up are all there again.');
select isnt_empty($$
  select from pg_trigger where tgrelid = 'runs'::regclass and tgname = 'tocsin_capture_runs'
$$, 'The trigger really is.');

select * from finish();
rollback;
