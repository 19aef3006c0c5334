begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, project_id text, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into tocsin.project_members values ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'viewer');
insert into tocsin.operators values ('00000000-0000-4000-8000-0000000000ff');
create function pg_temp.sees(p_user text) returns int language plpgsql as $$
declare
  v_failures int;
begin
  perform set_config('request.jwt.claims',
    jsonb_build_object('sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  select coalesce(sum(failure_count), 0) into v_failures from tocsin.workflow_run_metrics;
  reset role;
  return v_failures;
end
$$;
create function pg_temp.all_see() returns int[] language sql as $$
  select array[pg_temp.sees('0a'), pg_temp.sees('0b'), pg_temp.sees('ff')]$$;

insert into runs values (1, 'a', 'failed', clock_timestamp());
select from tocsin_internal.roll_up();
update runs set project_id = 'b';
select is(pg_temp.all_see(), '{0,1,1}', 'A run that moves is seen at once where it went,');
update runs set project_id = 'a';
select from tocsin_internal.roll_up();
select is(pg_temp.all_see(), '{1,0,1}', 'and when all is counted.');

-- one whose own times do not tell whether it was counted
insert into runs values (2, 'a', 'failed', now() - interval '10 days');
select from tocsin_internal.roll_up();
update runs set project_id = 'b' where id = 2;
select is(pg_temp.all_see(), '{1,0,2}',
  'One that was written late is known by its old project, which not everybody may see,');
select from tocsin_internal.roll_up();
select is(pg_temp.all_see(), '{1,1,2}', 'until it is counted.');

select * from finish();
rollback;
