begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create function pg_temp.fail(p_at timestamptz, p_now timestamptz default '2031-05-10 12:00Z')
returns void language sql as $$
  select tocsin_internal.store_errors(array[jsonb_populate_record(
    null::tocsin_internal.reported_errors, jsonb_build_object('error_id', gen_random_uuid(),
      'source', 'system', 'origin', 'report', 'timestamp', p_at, 'message', 'boom',
      'is_seen', false, 'is_redacted', false))], p_now)
$$;
select pg_temp.fail('2031-05-10 10:00Z');
select is((select is_new from tocsin.error_metrics), true, 'The first of a group is new.');
select (tocsin.resolve_error_group(group_id, 'mended', '2031-05-10 11:00Z')).status
from tocsin.error_groups;
select is((select status::text from tocsin.error_groups), 'resolved', 'It is resolved.');
select pg_temp.fail('2031-05-10 10:59Z');
select is((select status::text from tocsin.error_groups), 'resolved',
  'An error from before that arrives late does not open it.');
select pg_temp.fail('2031-05-10 11:01Z');
select pg_temp.fail('2031-05-10 11:02Z');
select results_eq(
  $$select status::text, regression_count, event_count::int from tocsin.error_groups$$,
  $$values ('open', 1, 4)$$, 'One that happened afterwards does, and counts as a regression.');
select results_eq($$select timestamp from tocsin.error_metrics where is_regression$$,
  array['2031-05-10 11:01Z'::timestamptz], 'That event is marked, and no other.');
select results_eq($$select action::text, note, changed_by, changed_at
  from tocsin.error_group_changes order by change_id$$, $$values
  ('resolve', 'mended', null::uuid, '2031-05-10 11:00Z'::timestamptz),
  ('regress', null, null, '2031-05-10 12:00Z')$$, 'Both have their row.');
select is((select count(*)::int from tocsin.error_metrics where is_new), 1, 'Only one is new.');

select * from finish();
rollback;
