begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed');
-- fails at its very end, after the outcomes are taken
create or replace function tocsin_internal.forward_failures(
  p_outcomes tocsin_internal.run_outcomes[]
) returns void language plpgsql as 'begin perform 1 / 0; end';
select from tocsin_internal.run_stage('roll_up');

select is((select count(*)::int from tocsin_internal.run_outcomes), 1,
  'What a stage had done before it failed is undone, and done again at the next beat.');

select * from finish();
rollback;
