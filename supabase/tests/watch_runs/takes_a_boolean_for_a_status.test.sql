begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table builds (id int primary key, is_green boolean, finished_at timestamptz);
select from tocsin.watch_runs('builds', p_options => '{
  "status": "is_green", "succeeded": ["true"], "failed": ["false"]}');
insert into builds values (1, null, null), (2, true, now());
update builds set is_green = false where id = 1;

select bag_eq($$select run_id, outcome from tocsin_internal.run_outcomes$$,
  $$values ('2', 'succeeded'), ('1', 'failed')$$, 'A flag that says whether it went well will do.');

select * from finish();
rollback;
