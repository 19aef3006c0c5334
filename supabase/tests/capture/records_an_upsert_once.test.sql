begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed') on conflict (id) do update set status = excluded.status;
insert into runs values (1, 'failed') on conflict (id) do update set status = excluded.status;
insert into runs values (1, 'succeeded') on conflict (id) do nothing;

select results_eq($$select run_id, outcome from tocsin_internal.run_outcomes$$,
  $$values ('1', 'failed')$$, 'Writing the same end of a run twice is one outcome.');

select * from finish();
rollback;
