begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, progress int);
select from tocsin.watch_runs('runs', p_options => '{"failed": ["failed", "dead"]}');
insert into runs values (1, 'queued', 0), (2, 'failed', 50);
delete from tocsin_internal.run_outcomes;
update runs set progress = progress + 1;
update runs set status = status;
update runs set status = 'running' where id = 1;
update runs set status = 'dead' where id = 2;
delete from runs where id = 2;

select is_empty($$select * from tocsin_internal.run_outcomes$$,
  'Neither progress nor another open status nor another word for the same end is an outcome.');

select * from finish();
rollback;
