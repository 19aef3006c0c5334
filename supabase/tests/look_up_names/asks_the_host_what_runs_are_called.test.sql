begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table teams (id uuid primary key, title text);
create table flows (id int primary key, title text);
create table jobs (id int primary key, team_id uuid, flow_id int, status text);
insert into teams values ('00000000-0000-4000-8000-00000000000a', 'Acme');
insert into flows values (1, 'import');
select from tocsin.watch_runs('jobs', p_options => '{"project_id": "team_id",
  "workflow_id": "flow_id",
  "workflow_names": {"table": "public.flows", "id": "id", "name": "title"},
  "project_names": {"table": "public.teams", "id": "id", "name": "title"}}');
insert into jobs values (1, '00000000-0000-4000-8000-00000000000a', 1, 'succeeded'),
  (2, '00000000-0000-4000-8000-00000000000a', 2, 'succeeded');
select from tocsin_internal.roll_up();

select is(tocsin_internal.look_up_names('2031-05-10 12:00Z'), 3::bigint,
  'The project and both workflows are asked for.');
select bag_eq($$select project_id, workflow_id, name from tocsin.names$$, $$values
  ('00000000-0000-4000-8000-00000000000a', '', 'Acme'),
  ('00000000-0000-4000-8000-00000000000a', '1', 'import'),
  ('00000000-0000-4000-8000-00000000000a', '2', null)$$,
  'What the host does not say is noted as well.');
select is(tocsin_internal.look_up_names('2031-05-10 12:59Z'), 0::bigint, 'Nothing is asked twice');
update flows set title = 'order import';
select is(tocsin_internal.look_up_names('2031-05-10 13:01Z'), 3::bigint,
  'within an hour; then a new name is found.');
select is((select name from tocsin.names where workflow_id = '1'), 'order import',
  'It takes the place of the old one.');

drop table flows;
select lives_ok($$select tocsin_internal.look_up_names('2031-05-10 15:00Z')$$,
  'A host that dropped its table fails nothing.');

select * from finish();
rollback;
