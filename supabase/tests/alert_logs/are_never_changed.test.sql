begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed');
select from tocsin_internal.tick();

select throws_ok($$update tocsin.alert_logs set reason = 'I was told'$$, 'TC013', null,
  'Not even the owner changes a decision.');
set local role service_role;
select throws_ok($$update tocsin.alert_logs set reason = 'I was told'$$, '42501', null,
  'Nor does the service,');
select throws_ok($$delete from tocsin.alert_logs$$, '42501', null, 'nor does it remove one.');

select * from finish();
rollback;
