begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

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
select pg_temp.store('a', w, 'boom', at, r, u) from (values
  ('w1', '2031-05-08 10:00Z'::timestamptz, 'r1', 'ann'), ('w1', '2031-05-08 11:00Z', 'r1', 'ann'),
  ('w2', '2031-05-09 11:00Z', 'r2', 'ann'), ('w1', '2031-05-10 10:00Z', 'r3', 'bob'),
  ('w1', '2031-05-10 11:00Z', null, null)) as e (w, at, r, u);
create function pg_temp.impact(p_from timestamptz, p_to timestamptz) returns text
language sql as $$
  select concat_ws(' ', i.event_count, i.user_count, i.run_count, i.workflow_count,
    i.user_count_is_exact, i.run_count_is_exact)
  from tocsin.error_groups g, tocsin.error_group_impact(g.group_id, p_from, p_to) as i
$$;
select is(pg_temp.impact('2031-05-08Z', '2031-05-11Z'), '5 2 3 2 t t', 'In all its days,');
select is(pg_temp.impact('2031-05-08Z', '2031-05-10Z'), '3 1 2 2 t t', 'in two of them,');
select is(pg_temp.impact('2031-05-01Z', '2031-05-02Z'), '0 0 0 0 t t', 'and in none.');
select results_eq($$select user_count::int, run_count::int, workflow_count::int
  from tocsin.error_groups$$, $$values (2, 3, 2)$$, 'The group says the same of all its time.');

select * from finish();
rollback;
