begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table jobs (id int primary key, project_id text, workflow_id text, status text, error text);
select from tocsin.watch_runs('jobs', p_options =>
  '{"run_url_template": "https://a.example/{{run_id}}"}');
insert into jobs select n, 'a', 'w' || n % 2, 'failed', 'boom' from generate_series(1, 5) as n;
select from tocsin_internal.tick();
insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-000000000002', 'editor');

create function pg_temp.told(p_user text) returns jsonb language plpgsql as $$
declare
  v_group uuid := (select group_id from tocsin.error_groups);
  v_told jsonb;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('sub', p_user)::text, true);
  perform set_config('role', 'authenticated', true);
  perform tocsin.resolve_error_group(v_group, 'mended')
  where p_user like '%2' and not exists (select from tocsin.error_group_changes);
  v_told := tocsin.dashboard_error(v_group, now() - interval '1 hour', now() + interval '1 minute');
  reset role;
  return v_told;
end
$$;
create temp table told as
select pg_temp.told('00000000-0000-4000-8000-000000000002') as editor,
  pg_temp.told('00000000-0000-4000-8000-000000000003') as stranger;

select is((select editor #>> '{group,title}' from told), 'boom', 'A member is told what it is,');
select is((select jsonb_path_query_array(editor, '$.workflows[*].count') from told), '[3, 2]',
  'which workflows have it most,');
select is((select jsonb_array_length(editor -> 'samples') from told), 5, 'its newest errors,');
select is((select editor #>> '{samples,0,run_url}' from told) like 'https://a.example/%', true,
  'with links to their runs,');
select is((select (editor #> '{changes,0}') - 'changed_at' from told),
  '{"action": "resolve", "note": "mended", "until_at": null, "until_count": null,
    "until_rate": null, "is_mine": true, "is_person": true}'::jsonb, 'and what was decided.');
select is((select stranger from told), null, 'A stranger is told nothing.');

select * from finish();
rollback;
