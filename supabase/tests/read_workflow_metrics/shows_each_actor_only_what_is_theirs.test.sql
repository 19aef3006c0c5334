begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(11);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
create table runs (id int primary key, status text, project_id text, workflow_id text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', 'a', 'both'), (2, 'failed', 'b', 'both'),
  (3, 'failed', 'b', 'only-b'), (4, 'failed', null, 'both');

create function pg_temp.asked(p_workflow text) returns text language sql as $$
  select (select string_agg(coalesce(nullif(t ->> 'project_id', ''), '-'), '')
      from json_array_elements(m -> 'totals') as t)
    || (select sum((h ->> 'failure_count')::int) from json_array_elements(m -> 'history') as h)
  from tocsin.read_workflow_metrics(p_workflow, now() - interval '1 hour',
    now() + interval '1 hour') as m$$;
create function pg_temp.sees(p_role text, p_user text default null) returns text
language plpgsql as $$
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', p_role,
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  perform set_config('role', p_role, true);
  return concat_ws(' ', coalesce(pg_temp.asked('both'), 'nothing'),
    coalesce(pg_temp.asked('only-b'), 'nothing'), coalesce(pg_temp.asked('absent'), 'nothing'));
end
$$;

-- the projects whose totals are seen, and how many failures the history has: totals and history
-- never tell of different projects
select is(pg_temp.sees('authenticated', '00'), 'nothing nothing nothing', 'A stranger: nothing.');
reset role;
select is(pg_temp.sees('authenticated', '0a'), 'a1 nothing nothing', 'A viewer: the project.');
reset role;
select is(pg_temp.sees('authenticated', '0e'), 'a1 nothing nothing', 'An editor: the project.');
reset role;
select is(pg_temp.sees('authenticated', 'ad'), 'a1 nothing nothing', 'An admin: the project.');
reset role;
select is(pg_temp.sees('authenticated', '0b'), 'b1 b1 nothing', 'An admin of another: that one.');
reset role;
select is(pg_temp.sees('authenticated', 'ff'), '-ab3 b1 nothing', 'An operator: all.');
reset role;
select is(pg_temp.sees('service_role'), '-ab3 b1 nothing', 'The service: all.');
reset role;
select from tocsin_internal.tick();
select is(pg_temp.sees('authenticated', '0a'), 'a1 nothing nothing', 'Rolled up, it is the same.');
reset role;
select is(pg_temp.sees('authenticated', 'ff'), '-ab3 b1 nothing', 'For the operator, too.');
reset role;
set local role anon;
select throws_ok($$select tocsin.read_workflow_metrics('both', now() - interval '1 hour', now())$$,
  '42501', null, 'Who is not signed in may not ask,');
select throws_ok($$select tocsin.page_run_metrics_summary(now() - interval '1 hour', now())$$,
  '42501', null, 'and not for a summary either.');
reset role;

select * from finish();
rollback;
