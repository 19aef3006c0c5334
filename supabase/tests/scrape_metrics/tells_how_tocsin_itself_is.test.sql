begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

insert into tocsin.notifications
  (notification_id, setting_id, project_id, workflow_id, purpose, content, decided_at)
values ('cccccccc-0000-4000-8000-000000000001', gen_random_uuid(), '', '', 'first', '{}', now());
insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind, channel_name,
  state, next_attempt_at, created_at)
select 'cccccccc-0000-4000-8000-000000000001', '', gen_random_uuid(), 'email', 'mail',
  d.state::tocsin.delivery_state, now(), d.created_at
from (values ('pending', now()), ('pending', now() - interval '3 days'),
  ('sending', now() - interval '3 days'), ('delivered', now()),
  ('delivered', now() - interval '3 days'), ('dead', now() - interval '3 days'))
  as d (state, created_at);
insert into tocsin_internal.stages values ('ingest', now() - interval '9 s', 250, 7)
on conflict (stage) do update set last_run_at = excluded.last_run_at, last_duration_ms = 250;
select tocsin_internal.record_fault('roll_up', 'XX000', 'm', null, at)
from unnest(array[now(), now() - interval '3 days']) as at;
select from pgmq.send('tocsin_failures_dlq', '{}');

select is(tocsin.scrape_metrics() ->> 'version', tocsin.version(), 'It tells the version;');
select is((tocsin.scrape_metrics() -> 'deliveries')::jsonb,
  '{"pending": 2, "sending": 1, "delivered": 1, "dead": 0}',
  'deliveries of a day, and older ones that still wait;');
select is((tocsin.scrape_metrics() -> 'queues')::jsonb, '{"tocsin_failures": 0,
  "tocsin_failures_dlq": 1, "tocsin_deliveries": 0, "tocsin_deliveries_dlq": 0}',
  'what is in the queues;');
select is(array(select s ->> 'stage' from json_array_elements(tocsin.scrape_metrics() -> 'stages')
  as s), tocsin_internal.stage_names(), 'every stage of the heart,');
select results_eq($$select (s ->> 'last_run_at')::float, (s ->> 'last_duration_seconds')::float
  from json_array_elements(tocsin.scrape_metrics() -> 'stages') as s where s ->> 'stage' = 'ingest'
$$, $$select extract(epoch from now() - interval '9 s')::float, 0.25::float$$,
  'when it last ran and how long,');
select is((select sum((s ->> 'fault_count')::int) from json_array_elements(
  tocsin.scrape_metrics() -> 'stages') as s)::int, 1, 'and its faults of a day.');
insert into tocsin_internal.outcomes_set_aside (outcome_id, outcome, problem, set_aside_at)
values (1, '{}', 'p', now());
select is((tocsin.scrape_metrics() ->> 'outcomes_set_aside')::int, 1,
  'It does not hide what could not be counted.');
select pgmq.drop_queue('tocsin_deliveries_dlq');
select is((tocsin.scrape_metrics() -> 'queues' ->> 'tocsin_deliveries_dlq'), null,
  'A queue that is gone is not told of;');
delete from tocsin_internal.stages;
select is(json_array_length(tocsin.scrape_metrics() -> 'stages'),
  cardinality(tocsin_internal.stage_names()), 'a stage that never ran is.');

select * from finish();
rollback;
