begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create function pg_temp.sampled(p_at text) returns void language sql as $$
  insert into tocsin.queue_metrics (kind, queue_name, project_id, sampled_at, ready_count,
    delayed_count, in_flight_count)
  select q.kind, q.queue_name, q.project_id, ('2031-03-01 ' || p_at || 'Z')::timestamptz, 5000, 0,
    0 from tocsin.queues q where not q.is_ignored;
  select tocsin_internal.evaluate(('2031-03-01 ' || p_at || ':06Z')::timestamptz)$$;
create function pg_temp.firing() returns setof text language sql as $$
  select project_id || '/' || workflow_id from tocsin.alerts where state = 'firing' order by 1$$;

insert into tocsin.queues (queue_name, project_id, found_at) values ('a', 'p', '2031-03-01Z'),
  ('b', 'p', '2031-03-01Z'), ('c', 'p', '2031-03-01Z');
insert into tocsin.alert_settings (name, kind) values ('length', 'queue_length');
select pg_temp.sampled('12:00');
select pg_temp.sampled('12:01');
select results_eq('select pg_temp.firing()', array['p/a', 'p/b', 'p/c'], 'Three are too long.');
select from tocsin.watch_queue('a', p_options => '{"ignore": true}');
select from tocsin.watch_queue('b', p_options => '{"project_id": "q"}');
select pg_temp.sampled('12:02');
select results_eq('select pg_temp.firing()', array['p/c', 'q/b'],
  'One that is ignored is over, and one that was given to another project is that one''s.');
update tocsin.alert_settings set parameters = '{"queues": ["b"]}';
select pg_temp.sampled('12:03');
select results_eq('select pg_temp.firing()', array['q/b'],
  'One that is not chosen any more is over.');
delete from tocsin.queues where queue_name = 'b';
select pg_temp.sampled('12:04');
select is_empty('select pg_temp.firing()', 'One that nobody knows any more as well.');

select * from finish();
rollback;
