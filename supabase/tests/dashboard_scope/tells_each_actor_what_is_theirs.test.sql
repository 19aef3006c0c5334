begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table jobs (id int primary key, project_id text, workflow_id text, status text);
select from tocsin.watch_runs('jobs');
insert into jobs values (1, 'a', 'w', 'succeeded'), (2, 'b', 'w', 'failed');
select from tocsin_internal.roll_up();
insert into tocsin.names values ('a', '', 'Acme', now());
insert into tocsin.operators values ('00000000-0000-4000-8000-000000000001');
insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-000000000002', 'editor'),
  ('c', '00000000-0000-4000-8000-000000000002', 'viewer');

create function pg_temp.scope_of(p_user text) returns jsonb language plpgsql as $$
declare
  v_scope jsonb;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('sub', p_user)::text, true);
  perform set_config('role', 'authenticated', true);
  v_scope := tocsin.dashboard_scope();
  reset role;
  return v_scope;
end
$$;

select is(pg_temp.scope_of('00000000-0000-4000-8000-000000000002') -> 'projects', '[
  {"project_id": "a", "name": "Acme", "role": "editor"},
  {"project_id": "c", "name": null, "role": "viewer"}]'::jsonb,
  'A member has their own projects, with what they may do there.');
select is(pg_temp.scope_of('00000000-0000-4000-8000-000000000002') -> 'is_operator', 'false',
  'They are no operator.');
select is(pg_temp.scope_of('00000000-0000-4000-8000-000000000001') -> 'projects', '[
  {"project_id": "a", "name": "Acme", "role": null},
  {"project_id": "b", "name": null, "role": null}]'::jsonb,
  'An operator has every project that runs.');
select is(pg_temp.scope_of('00000000-0000-4000-8000-000000000003')
    - array['version', 'has_queues', 'has_cron'],
  '{"is_operator": false, "projects": [], "has_runs": false}'::jsonb,
  'A stranger has none, and does not learn that there are runs.');
set local role anon;
select throws_ok('select tocsin.dashboard_scope()', '42501', null, 'Nobody else may ask.');

select * from finish();
rollback;
