begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create function pg_temp.store(p_project text, p_id uuid) returns int language sql as $$
  select cardinality(tocsin_internal.store_errors(array[jsonb_populate_record(
    null::tocsin_internal.reported_errors, jsonb_build_object('error_id', p_id, 'source', 'system',
      'origin', 'report', 'project_id', p_project, 'message', 'boom', 'is_seen', false,
      'is_redacted', false))], clock_timestamp()))
$$;
select is(pg_temp.store('a', '00000000-0000-4000-8000-000000000001'), 1, 'A new event is stored,');
select is(pg_temp.store('a', '00000000-0000-4000-8000-000000000001'), 0, 'but not again,');
select is(pg_temp.store('b', '00000000-0000-4000-8000-000000000001'), 1,
  'unless another project calls an event of its own the same.');
select results_eq(
  $$select project_id, event_count::int from tocsin.error_groups order by project_id$$,
  $$values ('a', 1), ('b', 1)$$, 'What came twice is counted once.');

select * from finish();
rollback;
