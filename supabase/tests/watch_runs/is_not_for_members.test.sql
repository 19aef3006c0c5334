begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
set local role authenticated;
select throws_ok($$select tocsin.watch_runs('runs')$$, '42501', null,
  'A signed-in user cannot put a table under watch.');
select throws_ok($$select tocsin.unwatch_runs('runs')$$, '42501', null, 'Nor let one go.');
set local role service_role;
select throws_ok($$select tocsin.watch_runs('runs')$$, '42501', null, 'Nor can the service.');

select * from finish();
rollback;
