begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

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
select pg_temp.store('a', 'w', 'boom ' || n, '2031-05-10 10:00Z'::timestamptz
  + make_interval(secs => n / 2)) from generate_series(1, 25) as n;
select pg_temp.store('b', 'v', 'JWT expired for 100%', '2031-05-10 10:30Z', 'run-7');
create function pg_temp.read_all() returns text language plpgsql as $$
declare
  v_page json;
  v_all int := 0;
  v_pages int := 0;
begin
  loop
    v_page := tocsin.page_errors('2031-05-10 09:00Z', '2031-05-10 11:00Z', p_limit => 10,
      p_after_timestamp => (v_page #>> '{after,timestamp}')::timestamptz,
      p_after_error_id => (v_page #>> '{after,error_id}')::uuid);
    v_all := v_all + json_array_length(v_page -> 'errors');
    v_pages := v_pages + 1;
    exit when v_page ->> 'after' is null;
  end loop;
  return v_all || ' in ' || v_pages;
end
$$;
select is(pg_temp.read_all(), '26 in 3', 'Each error is on one page, also those of one moment.');
create function pg_temp.count(variadic p_args text[]) returns int language plpgsql as $$
declare
  v_count int;
begin
  execute format('select json_array_length(tocsin.page_errors(''2031-05-10 09:00Z'', '
    '''2031-05-10 11:00Z'', %s) -> ''errors'')', array_to_string(p_args, ', ')) into v_count;
  return v_count;
end
$$;
select is(pg_temp.count('p_error_type => ''auth'''), 1, 'By type,');
select is(pg_temp.count('p_project_id => ''a'''), 25, 'by project,');
select is(pg_temp.count('p_text => ''FOR 100%'''), 1, 'by text, taken as it is,');
select is(pg_temp.count('p_run_id => ''run-7'''), 1, 'by run,');
select is(pg_temp.count(format('p_group_id => %L', (select group_id from tocsin.error_groups
  where project_id = 'a'))), 25, 'and by group.');
select is(pg_temp.count('p_source => ''webhook'''), 0, 'Or none.');
select throws_ok($$select pg_temp.count('p_severity => ''dreadful''')$$, 'TC017', null,
  'A severity that there is not is refused.');

select * from finish();
rollback;
