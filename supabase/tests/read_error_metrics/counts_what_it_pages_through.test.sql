begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

create function pg_temp.store(p_project text, p_workflow text, p_message text, p_at timestamptz,
  p_run text default null, p_severity text default null) returns void
language sql as $$
  select tocsin_internal.store_errors(array[jsonb_populate_record(
    null::tocsin_internal.reported_errors, jsonb_build_object('error_id', gen_random_uuid(),
      'source', 'worker', 'origin', 'report', 'timestamp', p_at, 'message', p_message,
      'project_id', p_project, 'workflow_id', p_workflow, 'run_id', p_run,
      'severity', p_severity, 'is_seen', false, 'is_redacted', false))], '2031-05-10 12:00Z')
$$;
select pg_temp.store('a', 'w', 'boom', at, 'run-' || run, severity)
from (values ('2031-05-10 09:01Z'::timestamptz, 1, 'low'), ('2031-05-10 09:59Z', 2, 'high'),
  ('2031-05-10 11:30Z', 2, 'high')) as e (at, run, severity);
select pg_temp.store('b', 'w', 'JWT expired', '2031-05-10 09:30Z');
create temp table boom as select group_id from tocsin.error_groups where project_id = 'a';

-- counts by bucket, how many of them are high, and how many errors are on the page
create function pg_temp.told(p_question text default '') returns text language plpgsql as $$
declare
  v_answer json;
begin
  execute format('select tocsin.read_error_metrics(''2031-05-10 09:00Z'', ''2031-05-10 12:00Z'', '
    'p_now => ''2031-05-10 12:00Z'' %s)', p_question) into v_answer;
  return (select string_agg(c ->> 'error_count', ' ') || ' high '
      || string_agg(c ->> 'high_count', ' ') from json_array_elements(v_answer -> 'counts') as c)
    || ' page ' || json_array_length(v_answer #> '{page,errors}');
end
$$;
select is(pg_temp.told(), '3 0 1 high 1 0 1 page 4', 'Counters and stored errors agree:');
select is(pg_temp.told(', p_text => ''BOOM'''), '2 0 1 high 1 0 1 page 3', 'for a text,');
select is(pg_temp.told(', p_run_id => ''run-2'''), '1 0 1 high 1 0 1 page 2', 'for a run,');
select is(pg_temp.told(format(', p_group_id => %L, p_severity => ''high''',
  (select group_id from boom))), '1 0 1 high 1 0 1 page 2', 'for some of a group,');
select is(pg_temp.told(format(', p_group_id => %L, p_project_id => ''b''',
  (select group_id from boom))), '0 0 0 high 0 0 0 page 0', 'for what cannot be,');
select is(split_part(pg_temp.told(format(', p_group_id => %L', (select group_id from boom))),
  ' high', 1), '2 0 1', 'and for all of a group.');
select is(pg_temp.told(', p_text => ''o'', p_bucket => ''1 day'', p_time_zone => ''Asia/Tokyo'''),
  '3 high 2 page 3', 'Days are the caller''s own.');
select is(tocsin.read_error_metrics('2031-05-10 09:00Z', '2031-05-10 12:00Z',
  p_after_timestamp => '2031-05-10 09:59Z', p_after_error_id => gen_random_uuid())
  ->> 'counts', null, 'Later pages do not count again.');
select throws_ok($$select tocsin.read_error_metrics('2031-05-10 09:00Z', '2031-05-10 12:00Z',
  '7 minutes', p_text => 'x')$$, 'TC017', null, 'Buckets that there are not are refused.');

select * from finish();
rollback;
