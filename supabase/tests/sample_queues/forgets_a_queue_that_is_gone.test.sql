begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

select from pgmq."create"('passing');
select from pgmq."create"('named');
select from tocsin.watch_queue('named', p_options => '{"project_id": "p"}');
select tocsin_internal.sample_queues('2031-03-01 12:00Z');
select from pgmq.drop_queue('passing');
select from pgmq.drop_queue('named');
select tocsin_internal.sample_queues('2031-03-01 12:10Z');
select results_eq($$select queue_name from tocsin.queues where dropped_at is not null order by 1$$,
  array['named', 'passing'], 'A queue that is gone is known for a week,');
select is((select count(*) from tocsin_internal.queue_states where queue_name = 'passing'),
  0::bigint, 'though nothing is told of it.');
select tocsin_internal.sample_queues('2031-03-08 12:10:01Z');
select results_eq($$select queue_name from tocsin.queues where dropped_at is not null$$,
  array['named'], 'then it is forgotten, unless somebody said something of it.');
select is((select count(*) from tocsin.queue_metrics where queue_name = 'passing'), 1::bigint,
  'Its samples stay for their time.');

select * from finish();
rollback;
