begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create table jobs (id int primary key, project_id text, workflow_id text, status text,
  started_at timestamptz, finished_at timestamptz, error text);
select from tocsin.watch_runs('jobs', p_options =>
  '{"run_url_template": "https://a.example/{{run_id}}"}');
insert into jobs
select n, 'a', case n when 100 then 'other' else 'w' end,
  case n when 99 then 'failed' else 'succeeded' end, now() - interval '5 minutes',
  now() - interval '5 minutes' + n * interval '1 second', case n when 99 then 'boom' end
from generate_series(1, 100) as n;
select from tocsin_internal.tick();

create function pg_temp.told(p_user text) returns jsonb language plpgsql as $$
declare
  v_told jsonb;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('sub', p_user)::text, true);
  perform set_config('role', 'authenticated', true);
  v_told := tocsin.dashboard_workflow('a', 'w', now() - interval '1 hour',
    now() + interval '1 minute');
  reset role;
  return v_told;
end
$$;
insert into tocsin.project_members (project_id, user_id) values
  ('a', '00000000-0000-4000-8000-000000000002');
create temp table told as
select pg_temp.told('00000000-0000-4000-8000-000000000002') as member,
  pg_temp.told('00000000-0000-4000-8000-000000000003') as stranger;

select is((select member #> '{now,run_count}' from told), '99', 'Its own runs are summed.');
select ok((select (member #>> '{durations,p50}')::float between 47500 and 52500 from told),
  'Percentiles are of the range.');
select is((select member #>> '{failures,0,message}' from told), 'boom', 'Its failures are told,');
select is((select member #>> '{failures,0,run_url}' from told), 'https://a.example/99',
  'each with the link to its run.');
select is((select member ->> 'criticality' from told), 'normal',
  'Nobody said how much it matters.');
select is((select stranger -> 'now' from told), 'null', 'A stranger learns of no runs,');
select is((select stranger -> 'failures' from told), '[]', 'and of no failures.');

select * from finish();
rollback;
