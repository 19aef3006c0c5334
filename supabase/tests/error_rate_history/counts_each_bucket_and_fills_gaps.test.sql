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
select pg_temp.store('a', 'w', 'boom', at, p_severity => severity)
from (values ('2031-05-10 09:01Z'::timestamptz, 'low'), ('2031-05-10 09:59Z', 'high'),
  ('2031-05-10 11:30Z', 'high')) as e (at, severity);
select pg_temp.store('b', 'w', 'JWT expired', '2031-05-10 09:30Z');
create function pg_temp.history(p_bucket interval default '1 hour', p_project text default null,
  p_type text default null, p_severity text default null, p_group uuid default null,
  p_zone text default 'UTC') returns text language sql as $$
  select string_agg(to_char(bucket_at at time zone 'UTC', 'HH24:MI') || '=' || error_count, ' '
    order by bucket_at)
  from tocsin.error_rate_history('2031-05-10 09:00Z', '2031-05-10 12:00Z', p_bucket, p_project,
    null, null, p_type, p_severity, p_group, p_zone, '2031-05-10 12:00Z')
$$;
select is(pg_temp.history(), '09:00=3 10:00=0 11:00=1', 'Hours without errors are there.');
select is(pg_temp.history(p_project => 'a'), '09:00=2 10:00=0 11:00=1', 'By project,');
select is(pg_temp.history(p_type => 'auth'), '09:00=1 10:00=0 11:00=0', 'by type,');
select is(pg_temp.history(p_severity => 'high'), '09:00=1 10:00=0 11:00=1', 'by severity,');
select is(pg_temp.history(p_group => (select group_id from tocsin.error_groups
  where project_id = 'a')), '09:00=2 10:00=0 11:00=1', 'and by group.');
select is(pg_temp.history('1 day', p_zone => 'Asia/Kathmandu'), '18:15=4',
  'Days are the caller''s own.');
select results_eq($$select error_count, low_count, medium_count, high_count, errors_per_minute
  from tocsin.error_rate_history('2031-05-10 09:00Z', '2031-05-10 10:00Z', '1 hour',
    p_now => '2031-05-10 12:00Z')$$, $$values (3::bigint, 1::bigint, 1::bigint, 1::bigint,
  3 / 60.0::double precision)$$, 'Each has its severities and its rate.');
select throws_ok($$select tocsin.error_rate_history(now(), now(), '1 hour')$$, 'TC017', null,
  'A range that is none is refused.');

select * from finish();
rollback;
