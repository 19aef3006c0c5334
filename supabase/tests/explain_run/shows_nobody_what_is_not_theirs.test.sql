begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table runs (id int primary key, status text, project_id text);
select from tocsin.watch_runs('runs');
insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into runs values (1, 'failed', 'a');
select from tocsin_internal.tick();
insert into runs values (2, 'failed', 'a');
create function pg_temp.steps(p_user text, p_run text) returns text language plpgsql as $$
declare
  v_steps text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  select string_agg(step, ' ') into v_steps from tocsin.explain_run(p_run);
  reset role;
  return v_steps;
end
$$;
select is(pg_temp.steps('0a', '1'), 'captured stored grouped unmatched',
  'A viewer of the project is told,');
select is(pg_temp.steps('ff', '1'), 'captured stored grouped unmatched', 'so is an operator;');
select is(pg_temp.steps('0b', '1'), 'unknown', 'nobody of another project,');
select is(pg_temp.steps('00', '1'), 'unknown', 'no stranger.');
select results_eq($$
  values (pg_temp.steps('0a', '2')), (pg_temp.steps('0b', '2')), (pg_temp.steps('00', '2'))
$$, $$values ('captured'), ('unknown'), ('unknown')$$, 'Likewise of what is not stored yet.');
set local role anon;
select throws_ok($$select from tocsin.explain_run('1')$$, '42501', null, 'Nor anybody unknown.');

select * from finish();
rollback;
