begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

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
select pg_temp.store('a', 'w', 'boom', at) from unnest(array['2031-05-09 12:30Z',
  '2031-05-09 13:30Z', '2031-05-10 11:30Z', '2031-05-10 11:59Z']::timestamptz[]) as at;
select pg_temp.store('a', 'w', 'bang ' || chr(64 + n), '2031-05-10 11:00Z')
from generate_series(1, 5) as n;
create temp table page as select tocsin.page_error_groups(p_limit => 4, p_sort => 'event_count',
  p_now => '2031-05-10 12:10Z') as p;
select is((select p #>> '{groups,0,title}' from page), 'boom',
  'The one with most errors is first.');
select is((select (p #> '{groups,0,last_24_hours}')::text from page),
  '[1, ' || repeat('0, ', 21) || '2, 0]', 'Its last 24 hours are there, also the empty ones.');
select is((select json_array_length(tocsin.page_error_groups(p_limit => 4, p_sort => 'event_count',
  p_after_value => (p #>> '{after,value}')::double precision,
  p_after_group_id => (p #>> '{after,group_id}')::uuid) -> 'groups') from page), 2,
  'The next page has the rest.');
select is(json_array_length(tocsin.page_error_groups(p_text => 'BANG') -> 'groups'), 5,
  'Titles are searched.');
select throws_ok($$select tocsin.page_error_groups(p_sort => 'title; drop')$$, 'TC019', null,
  'It cannot be sorted by anything.');

select * from finish();
rollback;
