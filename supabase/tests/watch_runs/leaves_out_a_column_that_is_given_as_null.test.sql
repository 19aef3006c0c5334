begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, project_id int, name text);
select from tocsin.watch_runs('runs', p_options => '{"project_id": null, "workflow_id": null}');
insert into runs values (1, 'failed', 3, 'Ada Lovelace');

select results_eq($$select project_id, workflow_id from tocsin_internal.run_outcomes$$,
  $$values (null::text, null::text)$$,
  'A column whose name misleads can be left out by giving null for it.');

select * from finish();
rollback;
