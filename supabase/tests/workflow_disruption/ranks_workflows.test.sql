begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

insert into tocsin.project_members (project_id, user_id) values
  ('a', '00000000-0000-4000-8000-00000000000a');
create function pg_temp.store(p_project text, p_workflow text, p_message text, p_at timestamptz,
  p_run text default null, p_user text default null, p_severity text default null,
  p_now timestamptz default '2031-05-10 12:00Z') returns void
language sql as $$
  select tocsin_internal.store_errors(array[jsonb_populate_record(
    null::tocsin_internal.reported_errors, jsonb_build_object('error_id', gen_random_uuid(),
      'source', 'worker', 'origin', 'report', 'timestamp', p_at, 'message', p_message,
      'project_id', p_project, 'workflow_id', p_workflow, 'run_id', p_run, 'user_id', p_user,
      'severity', p_severity, 'is_seen', false, 'is_redacted', false))], p_now)
$$;
select pg_temp.store(p, w, 'boom ' || g, '2031-05-08 10:00Z', r, u) from (values
  ('a', 'w1', 'x', 'r1', 'ann'), ('a', 'w1', 'y', 'r1', 'bob'), ('a', 'w1', 'y', 'r2', null),
  ('a', 'w2', 'x', 'r3', 'ann'), ('b', 'w3', 'x', 'r4', null), ('b', 'w3', 'x', 'r5', null),
  ('b', 'w3', 'x', 'r6', null), ('a', '', 'x', 'r7', null)) as e (p, w, g, r, u);
select results_eq($$
  select project_id, workflow_id, disrupted_run_count::int, affected_user_count::int,
    event_count::int, group_count::int, worst_group_title
  from tocsin.workflow_disruption('2031-05-08Z', '2031-05-09Z')
$$, $$values ('b', 'w3', 3, 0, 3, 1, 'boom x'), ('a', 'w1', 2, 2, 3, 2, 'boom y'),
  ('a', 'w2', 1, 1, 1, 1, 'boom x')$$, 'The workflow with the most disrupted runs is first.');
select is((select count(*)::int from tocsin.workflow_disruption('2031-05-08Z', '2031-05-09Z', 'a')),
  2, 'Of one project.');
set local role authenticated;
set local request.jwt.claims = '{"sub": "00000000-0000-4000-8000-00000000000a"}';
select results_eq($$select workflow_id from tocsin.workflow_disruption('2031-05-08Z',
  '2031-05-09Z')$$, array['w1', 'w2'], 'A member sees their own projects.');

select * from finish();
rollback;
