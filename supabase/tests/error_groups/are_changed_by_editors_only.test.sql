begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.error_groups (group_id, project_id, fingerprint, title, source, error_type,
  severity, first_seen_at, last_seen_at)
values ('00000000-0000-4000-8000-000000000001', 'a', 'f', 'boom', 'system', 'unknown', 'low',
  now(), now());
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
create function pg_temp.by_all(p_sql text) returns text language sql as $$
  select string_agg(pg_temp.try(actor, p_sql), ' ' order by place)
  from unnest(array['anon', '00', '0a', '0e', 'ad', '0b', 'ff', 'srv'])
    with ordinality as a (actor, place)
$$;

select is(pg_temp.by_all($$select status
  from tocsin.resolve_error_group('00000000-0000-4000-8000-000000000001')$$),
  '42501 TC031 TC032 resolved resolved TC031 resolved resolved',
  'Resolve: anonymous, stranger, viewer, editor, admin, admin elsewhere, operator, '
  'service.');
select is(pg_temp.by_all($$select status
  from tocsin.ignore_error_group('00000000-0000-4000-8000-000000000001', p_count => 3)$$),
  '42501 TC031 TC032 ignored ignored TC031 ignored ignored', 'Ignore.');
select is(pg_temp.by_all($$select status
  from tocsin.reopen_error_group('00000000-0000-4000-8000-000000000001')$$),
  '42501 TC031 TC032 open open TC031 open open', 'Reopen.');
select is(pg_temp.by_all('select count(*) from tocsin.error_groups'), '42501 0 1 1 1 0 1 1',
  'Members see the groups of their projects.');
select is(pg_temp.try('0e', $$insert into tocsin.error_group_changes (group_id, project_id, action)
  values ('00000000-0000-4000-8000-000000000001', 'a', 'regress') returning 1$$), '42501',
  'People cannot say that an error came back,');
select is(pg_temp.try('0e', $$insert into tocsin.error_group_changes (group_id, project_id, action,
  changed_by) values ('00000000-0000-4000-8000-000000000001', 'a', 'resolve', gen_random_uuid())
  returning 1$$), '42501', 'nor that somebody else did something,');
select is(pg_temp.try('0e', $$insert into tocsin.error_group_changes (group_id, project_id, action,
  changed_at) values ('00000000-0000-4000-8000-000000000001', 'a', 'resolve', '2020-01-01')
  returning 1$$), '42501', 'nor that they did it at another time,');
select is(pg_temp.try('0b', $$insert into tocsin.error_group_changes (group_id, project_id, action)
  values ('00000000-0000-4000-8000-000000000001', 'b', 'resolve') returning 1$$), 'TC031',
  'nor change a group under the name of their own project.');
select is(pg_temp.try('0e', 'update tocsin.error_groups set event_count = 0 returning 1'), '42501',
  'Nobody writes what the heart counts.');

select * from finish();
rollback;
