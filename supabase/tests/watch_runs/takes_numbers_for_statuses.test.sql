begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status smallint check (status in (0, 1, 2)));
select from tocsin.watch_runs('runs', p_options => '{"succeeded": ["1"], "failed": [2]}');
insert into runs values (1, 0), (2, 1), (3, 2);

select bag_eq($$select run_id, outcome from tocsin_internal.run_outcomes$$,
  $$values ('2', 'succeeded'), ('3', 'failed')$$, 'Statuses may be numbers.');

select * from finish();
rollback;
