begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.redaction_rules (project_id, name, kind, value) values
  ('a', 'accounts', 'key', 'account_number'), (null, 'addresses', 'email', null);
create function pg_temp.try(p_user text, p_sql text) returns text language plpgsql as $$
declare
  v_result text;
begin
  perform set_config('request.jwt.claims', case p_user when 'srv' then '{"role": "service_role"}'
    else jsonb_build_object('role', 'authenticated',
      'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text end, true);
  perform set_config('role', case p_user when 'srv' then 'service_role' when 'anon' then 'anon'
    else 'authenticated' end, true);
  execute p_sql into v_result;
  raise 'undo' using errcode = 'ZZ000', detail = coalesce(v_result, 'none');
exception when sqlstate 'ZZ000' then
  get stacked diagnostics v_result = pg_exception_detail;
  return v_result;
when others then
  return sqlstate;
end
$$;
-- anonymous, stranger, viewer, editor, admin, admin of another project, operator, service
create function pg_temp.by_all(p_sql text) returns text language sql as $$
  select string_agg(pg_temp.try(actor, p_sql), ' ' order by place)
  from unnest(array['anon', '00', '0a', '0e', 'ad', '0b', 'ff', 'srv'])
    with ordinality as a (actor, place)
$$;

select is(pg_temp.by_all('select count(*) from tocsin.redaction_rules'),
  '42501 1 2 2 2 1 2 2', 'Members see the rules of their projects, and those for all.');
select is(pg_temp.by_all($$insert into tocsin.redaction_rules (project_id, name, kind)
  values ('a', 'x', 'ip') returning 'made'$$),
  '42501 42501 42501 made made 42501 made made', 'Editors make them for their project,');
select is(pg_temp.by_all($$insert into tocsin.redaction_rules (name, kind)
  values ('x', 'ip') returning 'made'$$),
  '42501 42501 42501 42501 42501 42501 made made', 'operators for all.');
select is(pg_temp.by_all($$update tocsin.redaction_rules set is_enabled = false
  where project_id = 'a' returning 'off'$$),
  '42501 none none off off none off off', 'Editors switch them off,');
select is(pg_temp.by_all($$delete from tocsin.redaction_rules where project_id is null
  returning 'gone'$$),
  '42501 none none none none none gone gone', 'operators remove those for all,');
select is(pg_temp.try('0e', $$update tocsin.redaction_rules set project_id = 'b'
  where project_id = 'a' returning 1$$), '42501', 'and nobody gives one to another project.');
select is(pg_temp.try('0e', $$update tocsin.redaction_rules set project_id = null
  where project_id = 'a' returning 1$$), '42501', 'nor makes it one for all.');

select * from finish();
rollback;
