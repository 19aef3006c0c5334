begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed'), (2, 'succeeded'), (3, 'canceled'), (4, 'timed_out');
update runs set status = 'running' where id = 1;

select is(tocsin_internal.roll_up(), 5::bigint, 'All pending outcomes are taken.');
select bag_eq($$
  select message ->> 'run_id' as run_id, message ->> 'outcome' as outcome
  from pgmq.q_tocsin_failures
$$, $$values ('1', 'failed'), ('4', 'timed_out')$$,
  'Failures and time-outs are forwarded, successes and what is taken back are not.');
select is(tocsin_internal.roll_up(), 0::bigint, 'Nothing is pending any more,');
select is((select count(*)::int from pgmq.q_tocsin_failures), 2, 'and nothing is forwarded twice.');

select * from finish();
rollback;
