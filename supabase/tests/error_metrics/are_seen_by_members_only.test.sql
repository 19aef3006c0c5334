begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(13);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
select tocsin.report_error('input', 'boom', p_project_id => project, p_workflow_id => 'w',
  p_user_id => 'ann', p_run_id => 'r1') from unnest(array['a', 'b', '']) as project;
select from tocsin_internal.tick();
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

select is(pg_temp.by_all(sql), '42501 0 1 1 1 1 3 3', said) from (values
  ('select count(*) from tocsin.error_metrics', 'Anonymous, stranger, viewer, editor, admin, '
    'admin elsewhere, operator, service: events.'),
  ('select count(*) from tocsin.error_groups', 'Groups.'),
  ('select count(*) from tocsin.error_group_hours', 'Counts by hour.'),
  ($$select json_array_length(tocsin.page_errors(now() - interval '1 hour', now()
    + interval '1 hour') -> 'errors')$$, 'Pages of events.'),
  ($$select json_array_length(tocsin.page_error_groups() -> 'groups')$$, 'Pages of groups.'),
  ($$select sum(error_count) from tocsin.error_rate_history(now() - interval '1 hour', now()
    + interval '1 hour')$$, 'Rates.'),
  ($$select count(*) from tocsin.workflow_disruption(now() - interval '1 hour', now())$$,
    'Disruption.')
) as c (sql, said);
select is(pg_temp.by_all(format($$select coalesce(sum(user_count), 0)
  from tocsin.error_group_impact(%L, now(), now() + interval '1 hour')$$, (
    select group_id from tocsin.error_groups where project_id = 'a'))),
  '42501 0 1 1 1 0 1 1', 'Whom a group hurt.');
select is(pg_temp.by_all(sql || ' returning 1'), '42501 42501 42501 42501 42501 42501 42501 42501',
  sql)
from unnest(array['delete from tocsin.error_metrics',
  'update tocsin.error_metrics set message = ''x''',
  'delete from tocsin.error_groups', 'update tocsin.error_group_hours set event_count = 0',
  'delete from tocsin.error_group_changes']) as sql;

select * from finish();
rollback;
