begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(14);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('a', '00000000-0000-4000-8000-0000000000ed', 'editor'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'viewer');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
update tocsin.forwarder_states set is_configured = true where forwarder = 'sentry';
select tocsin.report_error('execution', 'e', p_project_id => p)
from unnest(array['a', 'b', '']) as p;
select from tocsin_internal.ingest_reports(now());
update tocsin.forwardings set state = 'dead', attempt_count = 10, last_error = 'down';

create function pg_temp.as_user(p_user text, p_statement text) returns text language plpgsql as $$
declare
  v_result text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  begin
    execute p_statement into v_result;
  exception when others then
    v_result := sqlstate;
  end;
  reset role;
  perform set_config('request.jwt.claims', '', true);
  return v_result;
end
$$;
create temp table seen as select 'select string_agg(project_id, '','' order by project_id)
  from tocsin.forwardings' as statement;
select is(pg_temp.as_user('00', statement), null, 'A stranger sees nothing,') from seen;
select is(pg_temp.as_user('0b', statement), 'b', 'a viewer what is of the project,') from seen;
select is(pg_temp.as_user('ad', statement), 'a', 'an admin no more,') from seen;
select is(pg_temp.as_user('ed', statement), 'a', 'nor an editor,') from seen;
select is(pg_temp.as_user('ff', statement), ',a,b', 'an operator all.') from seen;
set local role service_role;
select is((select count(*)::int from tocsin.forwardings), 3, 'The service sees all as well,');
reset role;
set local role anon;
select throws_ok('select from tocsin.forwardings', '42501');
reset role;
select is(pg_temp.as_user(u, 'select count(*) || '' '' || (select count(*) from
  tocsin.forwarder_states) from tocsin.forwarders'), w, 'Settings are the operators''.')
from (values ('ad', '0 0'), ('ff', '2 2')) as v (u, w);
select is(pg_temp.as_user('ad', 'select tocsin.forward_again(''sentry'')'), 'TC028',
  'An admin of a project may not forward again,');
select is(pg_temp.as_user('ad', 'update tocsin.forwarders set is_enabled = false
  returning forwarder'), null, 'nor turn forwarding off,');
select is(pg_temp.as_user('ad', 'update tocsin.forwardings set state = ''pending'' returning 1'),
  '42501', 'nor write there.');
select is(pg_temp.as_user('ff', 'select tocsin.forward_again(''sentry'')'), '3',
  'An operator may.');
select throws_ok($$select tocsin.forward_again('bugsnag')$$, 'TC028');

select * from finish();
rollback;
