begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(20);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
delete from tocsin.configuration_changes where true;
insert into tocsin.alert_channels (name, kind, recipients, project_id)
select 'mail', 'email', '{a@b.test}', project_id from unnest(array['a', 'b', null]) as project_id;
insert into tocsin.quiet_periods (name, project_id)
select 'night', project_id from unnest(array['a', 'b', null]) as project_id;
insert into tocsin.silences (reason, project_id, ends_at)
select 'deploy', project_id, now() + interval '1 hour'
from unnest(array['a', 'b', null]) as project_id;
insert into tocsin.alert_routes (name, project_id, channel_id)
select 'severe', project_id, channel_id from tocsin.alert_channels;

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
select set_config('test.a', (select channel_id::text from tocsin.alert_channels
  where project_id = 'a'), true), set_config('test.b', (select channel_id::text
  from tocsin.alert_channels where project_id = 'b'), true);
create temp table statements as
select format('%s the %s', verb, name) as name, format(sql, name) as sql
from unnest(array['quiet_periods', 'silences', 'alert_routes']) as name
cross join (values
  ('see', 'select from tocsin.%I'),
  ('change', 'update tocsin.%I set updated_at = now() where true'),
  ('remove', 'delete from tocsin.%I where true')) as s (verb, sql);
insert into statements values
  ('quiet a', $$insert into tocsin.quiet_periods (name, project_id) values ('x', 'a')$$),
  ('quiet b', $$insert into tocsin.quiet_periods (name, project_id) values ('x', 'b')$$),
  ('quiet the operators', $$insert into tocsin.quiet_periods (name) values ('x')$$),
  ('silence a', $$insert into tocsin.silences (reason, project_id, ends_at)
    values ('x', 'a', now() + interval '1 hour')$$),
  ('silence b', $$insert into tocsin.silences (reason, project_id, ends_at)
    values ('x', 'b', now() + interval '1 hour')$$),
  ('silence everybody', $$insert into tocsin.silences (reason, ends_at)
    values ('x', now() + interval '1 hour')$$),
  ('route a', $$insert into tocsin.alert_routes (name, project_id, channel_id)
    values ('x', 'a', current_setting('test.a')::uuid)$$),
  ('route a to b''s channel', $$insert into tocsin.alert_routes (name, project_id, channel_id)
    values ('x', 'a', current_setting('test.b')::uuid)$$),
  ('route b to its channel', $$insert into tocsin.alert_routes (name, project_id, channel_id)
    values ('x', 'b', current_setting('test.b')::uuid)$$),
  ('take over b''s period', $$update tocsin.quiet_periods set project_id = 'a'
    where project_id = 'b'$$),
  ('read the changes', $$select from tocsin.configuration_changes$$);
create temp table results as
select name, string_agg(pg_temp.try(actor, sql), ' ' order by rank) as results
from statements, unnest(array['anon', '00', '0a', '0e', 'ad', '0b', 'ff', 'srv'])
  with ordinality as a (actor, rank)
group by name;

select is(results, wanted,
  name || ': anonymous, stranger, viewer, editor, admin, another''s admin, '
  'operator, service')
from (values
  ('see the quiet_periods', '42501 0 1 1 1 1 3 3'),
  ('see the silences', '42501 0 1 1 1 1 3 3'),
  ('see the alert_routes', '42501 0 1 1 1 1 3 3'),
  ('change the quiet_periods', '42501 0 0 1 1 1 3 3'),
  ('change the silences', '42501 0 0 1 1 1 3 3'),
  ('change the alert_routes', '42501 0 0 1 1 1 3 3'),
  ('remove the quiet_periods', '42501 0 0 1 1 1 3 3'),
  ('remove the silences', '42501 0 0 1 1 1 3 3'),
  ('remove the alert_routes', '42501 0 0 1 1 1 3 3'),
  ('quiet a', '42501 42501 42501 1 1 42501 1 1'),
  ('quiet b', '42501 42501 42501 42501 42501 1 1 1'),
  ('quiet the operators', '42501 42501 42501 42501 42501 42501 1 1'),
  ('silence a', '42501 42501 42501 1 1 42501 1 1'),
  ('silence b', '42501 42501 42501 42501 42501 1 1 1'),
  ('silence everybody', '42501 42501 42501 42501 42501 42501 1 1'),
  ('route a', '42501 TC012 TC012 1 1 TC012 1 1'),
  ('route a to b''s channel', '42501 TC012 TC012 TC012 TC012 TC012 TC012 TC012'),
  ('route b to its channel', '42501 TC012 TC012 TC012 TC012 1 1 1'),
  ('take over b''s period', '42501 0 0 0 0 TC012 TC012 TC012'),
  ('read the changes', '42501 0 0 4 4 4 12 12')
) as w (name, wanted) join results using (name);

select * from finish();
rollback;
