begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'running'), (2, 'running');
drop extension pgmq cascade;

select lives_ok($$
  insert into runs values (3, 'failed');
  update runs set status = 'failed' where id = 1;
  update runs set status = 'running' where id = 1;
  update runs set status = 'succeeded';
$$, 'Without the queues the host writes its runs.');
select is((select count(*)::int from tocsin_internal.run_outcomes), 7,
  'What happens then is captured, for when the queues are back.');

select * from finish();
rollback;
