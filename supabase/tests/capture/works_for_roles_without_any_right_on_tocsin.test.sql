begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
grant all on runs to anon;
set local role anon;
insert into runs values (1, 'running');
update runs set status = 'failed';

select throws_ok($$select from tocsin_internal.run_outcomes$$, '42501', null,
  'The writer of a run may not read what is captured,');
reset role;
select results_eq($$select run_id, outcome from tocsin_internal.run_outcomes$$,
  $$values ('1', 'failed')$$, 'but what it writes is captured.');

select * from finish();
rollback;
