begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

create function pg_temp.at(p_time interval) returns timestamptz language sql stable as $$
  select date_trunc('minute', now()) - interval '1 hour' + p_time$$;
create function pg_temp.beats(p_from interval, p_to interval) returns void language sql as $$
  select tocsin_internal.sample_queues(at), tocsin_internal.evaluate(at)
  from generate_series(pg_temp.at(p_from), pg_temp.at(p_to), '10 seconds') as at$$;

insert into tocsin.alert_settings (name, kind, parameters)
values ('length', 'queue_length', '{"threshold": 5}');
select from tocsin.watch_queue('jobs', p_options => '{"project_id": "p"}');
select pg_temp.beats('0', '5 seconds');
select is_empty($$select from tocsin.queue_health where queue_name = 'jobs'$$,
  'A queue may be named before it is there.');
select from pgmq."create"('jobs');
select from pgmq.send_batch('jobs', array(select '{}'::jsonb from generate_series(1, 8)));
update pgmq.q_jobs set vt = pg_temp.at('0');
select pg_temp.beats('10 seconds', '1 minute 20 seconds');
select results_eq($$select state, project_id from tocsin.alerts$$,
  $$values ('firing'::tocsin.alert_state, 'p')$$, 'It is found when it is, and judged.');
select from pgmq.drop_queue('jobs');
select pg_temp.beats('1 minute 30 seconds', '2 minutes 20 seconds');
select is_empty($$select from tocsin.queue_health where queue_name = 'jobs'$$,
  'Dropped it is not told any more,');
select results_eq($$select state from tocsin.alerts$$, $$values ('resolved'::tocsin.alert_state)$$,
  'and its alerts are over.');
select is((select dropped_at from tocsin.queues where queue_name = 'jobs'),
  pg_temp.at('1 minute 30 seconds'), 'It is known when.');
select from pgmq."create"('jobs');
select from pgmq.send_batch('jobs', array(select '{}'::jsonb from generate_series(1, 30)));
update pgmq.q_jobs set vt = pg_temp.at('2 minutes 20 seconds');
select pg_temp.beats('2 minutes 30 seconds', '2 minutes 40 seconds');
select results_eq($$select enqueued_count, finished_count, ready_count from tocsin.queue_metrics
  where queue_name = 'jobs' and sampled_at > pg_temp.at('2 minutes') order by sampled_at$$,
  $$values (null::bigint, null::bigint, 30::bigint), (0, 0, 30)$$,
  'Made again it begins anew: nothing came in and nothing was finished before.');
select pg_temp.beats('2 minutes 50 seconds', '3 minutes 10 seconds');
select results_eq($$select state from tocsin.alerts order by fired_at$$,
  $$values ('resolved'::tocsin.alert_state), ('firing')$$, 'It has an alert of its own.');
-- dropped and made again between two looks
select from pgmq.drop_queue('jobs');
select from pgmq."create"('jobs');
select pg_temp.beats('3 minutes 20 seconds', '3 minutes 30 seconds');
select results_eq($$select enqueued_count, finished_count from tocsin.queue_metrics
  where queue_name = 'jobs' and sampled_at >= pg_temp.at('3 minutes 20 seconds')$$,
  $$values (null::bigint, null::bigint)$$, 'Also when nobody looked meanwhile.');

select * from finish();
rollback;
