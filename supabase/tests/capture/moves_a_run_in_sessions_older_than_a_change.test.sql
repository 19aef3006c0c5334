begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, flow text, status text, note text,
  finished_at timestamptz);
select from tocsin.watch_runs('runs', p_options => '{"workflow_id": "flow"}');
insert into runs values (1, 'a', 'failed', 'one', now());
update runs set status = 'running';
update runs set status = 'failed';
-- what the session has compiled fits no longer
alter table runs alter column id type text;
delete from tocsin_internal.run_outcomes;

update runs set flow = 'b';
select results_eq($$select sign, is_move, workflow_id from tocsin_internal.run_outcomes
  order by outcome_id$$, $$values (-1::smallint, true, 'a'), (1::smallint, true, 'b')$$,
  'The slow way, too, moves a run that changes its workflow,');
delete from tocsin_internal.run_outcomes;
update runs set note = 'two';
select is_empty('select * from tocsin_internal.run_outcomes', 'and none that changes a note.');

select * from finish();
rollback;
