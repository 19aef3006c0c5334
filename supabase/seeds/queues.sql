-- The demo's queue, cron jobs and webhook, and settings that watch them. After seed.sql; nothing
-- here is part of the product. Safe to run again.

-- The queue of the demo's workers, and where they put what they give up
select pgmq."create"(name) from unnest(array['workflow_jobs', 'workflow_jobs_dlq']) as name
where name not in (select queue_name from pgmq.list_queues());

select queue_name from tocsin.watch_queue('workflow_jobs', p_options => '{
  "dead_letter_queue": "workflow_jobs_dlq", "dead_letter_payload": "message"}');

select pgmq.send('workflow_jobs_dlq', jsonb_build_object('error', error,
  'message', jsonb_build_object('step', step, 'attempt', 5)))
from (values ('save_order', 'HTTP 503 Service Unavailable from https://ledger.example/entries'),
  ('send_mail', 'HTTP 550 mailbox unavailable: billing@customer.example'),
  ('fetch_orders', 'HTTP 502 Bad Gateway from https://api.shop.example/v2/orders?page=3'))
  as letter (step, error)
where not exists (select from pgmq.q_workflow_jobs_dlq);

-- Jobs of pg_cron: one does as it should, one divides by zero in each minute that is a multiple of
-- seven
select cron.schedule('nightly-cleanup', '15 2 * * *', 'select count(*) from public.workflow_runs'),
  cron.schedule('refresh-exchange-rates', '*/5 * * * *',
    'select 1 / (extract(minute from now())::int % 7)');

insert into tocsin.alert_settings (setting_id, name, kind, parameters, severity, for_duration)
select ('bbbbbbbb-0000-4000-8000-' || lpad(place::text, 12, '0'))::uuid, name, kind,
  parameters::jsonb, severity::tocsin.severity, pending::interval
from (values
  (21, 'A queue grows long', 'queue_length', '{}', 'medium', '5 minutes'),
  (22, 'A queue makes people wait', 'queue_age', '{}', 'medium', '2 minutes'),
  (23, 'A queue is slow to work', 'queue_processing_time', '{}', 'low', '5 minutes'),
  (24, 'Messages fail', 'queue_error_rate', '{}', 'medium', '0'),
  (25, 'Nobody reads a queue', 'queue_stalled', '{}', 'high', '0'),
  (26, 'Messages are given up', 'queue_dead_letters', '{"queues": ["tocsin*"]}', 'medium', '0'),
  (27, 'A cron job fails', 'cron_failed', '{}', 'medium', '0'),
  (28, 'A cron job does not run', 'cron_missed', '{}', 'high', '0'),
  (29, 'A cron job takes long', 'cron_slow', '{}', 'low', '0'),
  (30, 'Webhooks are refused', 'webhook_failed', '{}', 'medium', '0'),
  (31, 'Webhooks wait', 'webhook_stuck', '{}', 'high', '0'),
  (32, 'A run does not end', 'run_stuck', '{}', 'medium', '0')
) as s (place, name, kind, parameters, severity, pending)
on conflict (setting_id) do nothing;

insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, 'aaaaaaaa-0000-4000-8000-000000000001' from tocsin.alert_settings
where setting_id between 'bbbbbbbb-0000-4000-8000-000000000021'
  and 'bbbbbbbb-0000-4000-8000-000000000032'
on conflict do nothing;

-- Who hears when something is wrong with Tocsin itself
update tocsin.self_watch set channel_id = 'aaaaaaaa-0000-4000-8000-000000000001',
  fallback_channel_id = 'aaaaaaaa-0000-4000-8000-000000000002'
where is_the_only_row and channel_id is null;

-- A day and a half of samples, as the heart would have taken them; through yesterday's incident the
-- workers waited for the shop and the queue backed up. These are made up, unlike all else.
do $samples$
begin
  if current_setting('demo.history', true) = 'off' or exists (
    select from tocsin.queue_metrics where queue_name = 'workflow_jobs')
  then
    return;
  end if;
  perform setseed(0.42);
  insert into tocsin.queue_metrics (kind, queue_name, sampled_at, interval_seconds, status,
    ready_count, delayed_count, in_flight_count, oldest_age_seconds, enqueued_count, finished_count,
    failed_count, enqueued_per_second, finished_per_second, wait_p50_seconds, wait_p95_seconds,
    wait_p99_seconds, processing_p50_seconds, processing_p95_seconds, processing_p99_seconds,
    retry_share, error_rate, poison_count, dead_letter_count, last_read_at)
  select 'pgmq', 'workflow_jobs', at, 60,
    case when backlog > 300 then 'backing_up' when backlog > 60 then 'slow' else 'healthy'
      end::tocsin.queue_status,
    backlog, 0, 4, case when backlog > 0 then 2 + backlog / 4.0 end, came, went, 0, came / 60.0,
    went / 60.0, 0.4 + backlog / 8.0, 1.2 + backlog / 5.0, 2 + backlog / 4.0, 0.8 * slow,
    2.4 * slow, 4.1 * slow, case when slow > 1 then 0.35 else 0.02 end,
    case when slow > 1 then 0.04 else 0.002 end, 0, 3, at
  from (
    select at, came, slow, greatest(0, case
        when minute between 0 and 90 then minute * 9
        when minute between 91 and 120 then (120 - minute) * 27 else 0 end
      + (random() * 6)::int) as backlog, greatest(0, came - case
        when minute between 0 and 90 then 9 when minute between 91 and 120 then -27 else 0 end)
      as went
    from generate_series(date_trunc('minute', now()) - interval '36 hours',
      date_trunc('minute', now()) - interval '1 minute', interval '1 minute') as at
    cross join lateral (
      select (extract(epoch from at - (now() - interval '25 hours 30 minutes')) / 60)::int
        as minute, (18 + random() * 8)::int as came
    ) as m
    cross join lateral (select case when minute between 0 and 95 then 6 else 1 end as slow) as s
  ) as sample;
end
$samples$;
