begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-0000000000ed', 'editor'),
  ('b', '00000000-0000-4000-8000-0000000000bd', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.alert_settings (setting_id, name, project_id)
values ('00000000-0000-4000-8000-000000000001', 'of a', 'a');

create function pg_temp.try(p_user text, p_setting jsonb) returns text language plpgsql as $$
declare
  v_status text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  perform set_config('role', case p_user when 'srv' then 'service_role' else 'authenticated' end,
    true);
  v_status := concat_ws(' ', tocsin.save_alert_setting(p_setting) #>> '{status}',
    tocsin.save_alert_setting(p_setting) #>> '{error,code}');
  reset role;
  return v_status;
end
$$;
create temp table tries as
  select u.name, u.place, pg_temp.try(u.id, '{"name": "x", "project_id": "a"}') as makes,
    pg_temp.try(u.id, '{"setting_id": "00000000-0000-4000-8000-000000000001", "name": "y"}')
      as changes,
    pg_temp.try(u.id, '{"name": "x", "project_id": null}') as makes_general
  from (values ('stranger', 1, '99'), ('viewer', 2, '0a'), ('editor', 3, 'ed'),
    ('b''s admin', 4, 'bd'), ('operator', 5, 'ff'), ('service', 6, 'srv')) as u (name, place, id);

select results_eq('select name, makes from tries order by place', $$values
  ('stranger', '403 TC086'), ('viewer', '403 TC086'), ('editor', '201'),
  ('b''s admin', '403 TC086'), ('operator', '201'), ('service', '201')$$,
  'Editors of a project make its settings.');
select results_eq('select name, changes from tries order by place', $$values
  ('stranger', '404 TC087'), ('viewer', '403 TC086'), ('editor', '200'),
  ('b''s admin', '404 TC087'), ('operator', '200'), ('service', '200')$$,
  'They change them; who may not see one does not learn that it is there.');
select results_eq('select name, makes_general from tries order by place', $$values
  ('stranger', '403 TC086'), ('viewer', '403 TC086'), ('editor', '403 TC086'),
  ('b''s admin', '403 TC086'), ('operator', '201'), ('service', '201')$$,
  'What is for everything is the operators''.');
set local role anon;
select throws_ok($$select tocsin.save_alert_setting('{}')$$, '42501', null,
  'Who is not signed in may not ask.');

select * from finish();
rollback;
