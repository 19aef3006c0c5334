begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(17);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.alert_channels (name, kind, recipients, project_id)
select 'mail', 'email', '{a@b.test}', project_id from unnest(array['a', 'b', null]) as project_id;
insert into tocsin.alert_settings (name, project_id)
select 'all', project_id from unnest(array['a', 'b', null]) as project_id;
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings s join tocsin.alert_channels c
  on c.project_id = s.project_id;

-- What came of a statement: how many rows, or the error; nothing of it stays.
create function pg_temp.try(p_user text, p_sql text) returns text language plpgsql as $$
declare
  v_rows text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  perform set_config('role', case p_user when 'srv' then 'service_role' when 'anon' then 'anon'
    else 'authenticated' end, true);
  execute p_sql;
  get diagnostics v_rows = row_count;
  raise 'undo' using errcode = 'ZZ000', detail = v_rows;
exception when sqlstate 'ZZ000' then
  get stacked diagnostics v_rows = pg_exception_detail;
  return v_rows;
when others then
  return sqlstate;
end
$$;
create temp table statements (place int, name text, sql text);
insert into statements values
  (1, 'add a setting to a', $$insert into tocsin.alert_settings (name, project_id)
    values ('x', 'a')$$),
  (2, 'add a setting to b', $$insert into tocsin.alert_settings (name, project_id)
    values ('x', 'b')$$),
  (3, 'add a setting for everything', $$insert into tocsin.alert_settings (name) values ('x')$$),
  (4, 'change all settings', $$update tocsin.alert_settings set name = 'x' where true$$),
  (5, 'remove all settings', $$delete from tocsin.alert_settings where true$$),
  (6, 'add a channel to a', $$insert into tocsin.alert_channels (name, kind, url, project_id)
    values ('x', 'webhook', 'https://x.example', 'a')$$),
  (7, 'add a channel to b', $$insert into tocsin.alert_channels (name, kind, url, project_id)
    values ('x', 'webhook', 'https://x.example', 'b')$$),
  (8, 'change all channels', $$update tocsin.alert_channels set name = 'x' where true$$),
  (9, 'remove all channels', $$delete from tocsin.alert_channels where true$$),
  (10, 'detach all channels', $$delete from tocsin.alert_setting_channels where true$$),
  (11, 'add a member to a', $$insert into tocsin.project_members (project_id, user_id, role)
    values ('a', '00000000-0000-4000-8000-000000000009', 'admin')$$),
  (12, 'add a member to b', $$insert into tocsin.project_members (project_id, user_id, role)
    values ('b', '00000000-0000-4000-8000-000000000009', 'admin')$$),
  (13, 'make all admins', $$update tocsin.project_members set role = 'admin' where true$$),
  (14, 'move all members to b', $$update tocsin.project_members set project_id = 'b'
    where project_id = 'a'$$),
  (15, 'remove all members', $$delete from tocsin.project_members where true$$),
  (16, 'add an operator', $$insert into tocsin.operators (user_id)
    values ('00000000-0000-4000-8000-000000000009')$$),
  (17, 'remove all operators', $$delete from tocsin.operators where true$$);
create temp table results as
select name, string_agg(pg_temp.try(actor, sql), ' ' order by rank) as results
from statements, unnest(array['anon', '00', '0a', '0e', 'ad', 'ff', 'srv'])
  with ordinality as a (actor, rank)
group by name;

select is(results, wanted,
  name || ': anonymous, stranger, viewer, editor, admin, operator, service')
from (values
  ('add a setting to a', '42501 42501 42501 1 1 1 1'),
  ('add a setting to b', '42501 42501 42501 42501 42501 1 1'),
  ('add a setting for everything', '42501 42501 42501 42501 42501 1 1'),
  ('change all settings', '42501 0 0 1 1 3 3'),
  ('remove all settings', '42501 0 0 1 1 3 3'),
  ('add a channel to a', '42501 42501 42501 1 1 1 1'),
  ('add a channel to b', '42501 42501 42501 42501 42501 1 1'),
  ('change all channels', '42501 0 0 1 1 3 3'),
  ('remove all channels', '42501 0 0 1 1 3 3'),
  ('detach all channels', '42501 0 0 1 1 2 2'),
  ('add a member to a', '42501 42501 42501 42501 1 1 1'),
  ('add a member to b', '42501 42501 42501 42501 42501 1 1'),
  ('make all admins', '42501 0 0 0 3 4 4'),
  ('move all members to b', '42501 0 0 0 42501 3 3'),
  ('remove all members', '42501 0 0 0 3 4 4'),
  ('add an operator', '42501 42501 42501 42501 42501 1 1'),
  ('remove all operators', '42501 0 0 0 0 1 1')
) as w (name, wanted) join results using (name);

select * from finish();
rollback;
