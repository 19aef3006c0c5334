begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, project_id text, flow text, status text,
  finished_at timestamptz);
insert into runs values (1, 'p', 'f', 'failed', now() - interval '1 day');
select from tocsin.watch_runs('runs', p_options => '{"workflow_id": "flow"}');
insert into runs select n, 'p', 'f', (array['succeeded', 'failed', 'running'])[1 + n % 3],
  clock_timestamp() from generate_series(10, 30) as n;
select is_empty('select * from tocsin.reconcile(''runs'')',
  'Nothing differs while all is pending; what ended before the watch is not compared.');
select from tocsin_internal.roll_up();
update runs set status = 'succeeded' where id = 11;
select is_empty('select * from tocsin.reconcile(''runs'')', 'Nothing differs, some of it pending.');

alter table runs disable trigger user;
insert into runs values (40, 'p', 'f', 'failed', clock_timestamp());
alter table runs enable trigger user;
select results_eq('select project_id, workflow_id, outcome, difference::int
  from tocsin.reconcile(''runs'')', $$values ('p', 'f', 'failed', -1)$$,
  'A run that no trigger saw is missed by one.');
delete from runs where id in (40, 10);
select results_eq('select outcome, difference::int from tocsin.reconcile(''runs'')',
  $$values ('failed', 1)$$,
  'A run that was deleted is still counted.');
select throws_ok('select * from tocsin.reconcile(''pg_class'')', 'TC009', null,
  'A table that is not watched is refused.');

select * from finish();
rollback;
