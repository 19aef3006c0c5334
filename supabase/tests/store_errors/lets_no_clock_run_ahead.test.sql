begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select tocsin_internal.store_errors(array(select jsonb_populate_record(
  null::tocsin_internal.reported_errors, jsonb_build_object('error_id', gen_random_uuid(),
    'source', 'system', 'origin', 'report', 'timestamp', at, 'message', at, 'is_seen', false,
    'is_redacted', false))
  from unnest(array['2032-05-10', '1970-01-01', 'infinity', '2031-05-10 09:59Z', null]) as at),
  '2031-05-10 10:00Z');
select bag_eq($$select timestamp from tocsin.error_metrics$$, array['2031-05-10 10:00Z',
  '2031-05-10 10:00Z', '2031-05-10 10:00Z', '1970-01-01', '2031-05-10 09:59Z']::timestamptz[],
  'What says that it is yet to come, and what says nothing, happened when it was stored.');
select is((select sum(event_count)::int from tocsin.error_groups), 5, 'All of it is counted.');

select * from finish();
rollback;
