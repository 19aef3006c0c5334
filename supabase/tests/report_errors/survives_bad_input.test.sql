begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(14);

create function pg_temp.report(p_event json, p_now timestamptz default '2031-05-10 10:00Z')
returns text language sql as $$
  select tocsin.report_errors(json_build_array(p_event), null, null, p_now) #>> '{results,0,status}'
$$;
-- what clean_report() compares with is the clock itself
create function pg_temp.say(p_at timestamptz) returns text language sql as $$
  select to_json(p_at) #>> '{}'
$$;

select is(pg_temp.report(('{"message": "deep", "metadata": {"a": '
  || repeat('[', 1000) || repeat(']', 1000) || '}}')::json), 'accepted',
  'Metadata a thousand levels deep is taken.');
select is(pg_temp.report(json_build_object('message', 42, 'severity', 'low')), 'accepted',
  'So is a number for a message,');
select is(pg_temp.report(json_build_object('message', true)), 'accepted', 'or a truth.');
select is(pg_temp.report(json_build_object('message', 'clock', 'exception', e, 'timestamp', t)),
  'accepted', 'A clock that is off: ' || e)
from (values ('AYearAhead', pg_temp.say(now() + interval '1 year')),
  ('AtTheEpoch', '1970-01-01T00:00:00Z'),
  ('TomorrowMorning', pg_temp.say(now() + interval '9 hours'))
) as c (e, t);
select is(pg_temp.report(json_build_object('message', repeat('x', 3000000))), null,
  'What is larger than 2 MiB is refused as a whole.');
select is(tocsin.report_errors(json_build_array(json_build_object('message', 'm', 'metadata',
  json_build_object('a', repeat('x', 10000000))))) ->> 'status', '413', 'Ten megabytes as well.');
select is(pg_temp.report(json_build_object('message', '<script>alert(1)</script>', 'exception',
  '''; drop table x; --', 'workflow_id', '<b>w</b>', 'run_id', '"><img src=x>', 'node', '$(id)',
  'user_id', '1 or 1=1', 'component', '{{7*7}}', 'environment', '%s%n', 'release', '\u2028',
  'stack', '</pre>', 'metadata', json_build_object('<i>', '<u>'))), 'accepted',
  'HTML and SQL in every field is text.');
select from tocsin_internal.ingest_reports('2031-05-10 10:00Z');

select results_eq($$select message, exception, workflow_id, run_id, node, user_id, component,
    environment, stack, metadata from tocsin.error_metrics where workflow_id <> ''$$, $$values (
  '<script>alert(1)</script>', '''; drop table x; --', '<b>w</b>', '"><img src=x>', '$(id)',
  '1 or 1=1', '{{7*7}}', '%s%n', '</pre>', '{"<i>": "<u>"}'::jsonb)$$,
  'It is stored as it came.');
select is((select count(*)::int from tocsin.error_metrics), 7, 'All that was taken is stored.');
select bag_eq($$select exception, metadata ? 'reported_timestamp' from tocsin.error_metrics
  where message = 'clock'$$, $$values ('AYearAhead', true), ('AtTheEpoch', true),
  ('TomorrowMorning', false)$$, 'What time an impossible clock said is kept beside.');
select ok(bool_and(timestamp <= ingested_at), 'Nothing happened later than it came in.')
from tocsin.error_metrics;
select is((select max(jsonb_path_exists(metadata, '$.**{11}')::int) from tocsin.error_metrics), 0,
  'Nothing is deeper than ten levels.');

select * from finish();
rollback;
