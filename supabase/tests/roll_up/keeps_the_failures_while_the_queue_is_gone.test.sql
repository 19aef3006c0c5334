begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed');
select pgmq.drop_queue('tocsin_failures');
select from tocsin_internal.run_stage('roll_up');

select is((select count(*)::int from tocsin_internal.run_outcomes), 1,
  'A failure that cannot be forwarded stays pending.');
select from tocsin.setup();
select from tocsin_internal.tick();
select is((select count(*)::int from tocsin.error_metrics), 1,
  'It is told as soon as setup() has made the queue again.');

select * from finish();
rollback;
