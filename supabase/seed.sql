-- The demo project: a workflow engine like MeshHook, watched by Tocsin, with settings that tell.
-- Nothing here is part of the product. Safe to run again.

-- The host's own tables ---------------------------------------------------------------------------

create table if not exists public.projects (
  id uuid primary key default gen_random_uuid(),
  owner uuid,
  name text not null
);

create table if not exists public.workflow_definitions (
  id uuid primary key default gen_random_uuid(),
  project_id uuid not null references public.projects (id) on delete cascade,
  slug text not null,
  version int not null default 1,
  definition jsonb not null default '{}',
  unique (project_id, slug, version)
);

create table if not exists public.workflow_runs (
  id uuid primary key default gen_random_uuid(),
  project_id uuid not null references public.projects (id) on delete cascade,
  workflow_id uuid not null references public.workflow_definitions (id) on delete cascade,
  status text not null default 'running'
    check (status in ('running', 'succeeded', 'failed', 'paused', 'canceled')),
  started_at timestamptz not null default now(),
  finished_at timestamptz
);

create index if not exists workflow_runs_project_id_idx
  on public.workflow_runs (project_id, started_at desc);
create index if not exists workflow_runs_workflow_id_idx on public.workflow_runs (workflow_id);

create table if not exists public.workflow_events (
  id bigint generated always as identity,
  run_id uuid not null references public.workflow_runs (id) on delete cascade,
  ts timestamptz not null default now(),
  type text not null,
  payload jsonb not null default '{}',
  primary key (id, ts)
) partition by range (ts);

create index if not exists workflow_events_run_id_ts_idx on public.workflow_events (run_id, ts);

do $partitions$
declare
  v_month date;
begin
  foreach v_month in array array(
    select date_trunc('month', now() + make_interval(months => n))::date
    from generate_series(-2, 3) as n)
  loop
    execute format('create table if not exists public.%I partition of public.workflow_events '
      'for values from (%L) to (%L)', to_char(v_month, '"workflow_events_y"YYYY"m"MM'),
      v_month, v_month + interval '1 month');
    execute format('alter table public.%I enable row level security',
      to_char(v_month, '"workflow_events_y"YYYY"m"MM'));
  end loop;
end
$partitions$;

create table if not exists public.job_tracking (
  id uuid primary key default gen_random_uuid(),
  msg_id bigint not null,
  run_id uuid not null references public.workflow_runs (id) on delete cascade,
  attempt int not null default 1,
  max_attempts int not null default 5,
  failed_at timestamptz,
  moved_to_dlq_at timestamptz,
  error_message text
);

create index if not exists job_tracking_run_id_idx on public.job_tracking (run_id);

create or replace function public.user_project_ids() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select id from public.projects where owner = (select auth.uid()) $$;

alter table public.projects enable row level security;
alter table public.workflow_definitions enable row level security;
alter table public.workflow_runs enable row level security;
alter table public.workflow_events enable row level security;
alter table public.job_tracking enable row level security;

insert into public.projects (id, name) values
  ('7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e', 'Acme Shop'),
  ('c2a91d70-58be-4c1f-8f0e-6d7e1b9a4c55', 'Northwind Billing')
on conflict (id) do nothing;

insert into public.workflow_definitions (id, project_id, slug) values
  ('11111111-aaaa-4000-8000-000000000001', '7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e', 'order-import'),
  ('11111111-aaaa-4000-8000-000000000002', '7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e', 'crm-sync'),
  ('11111111-aaaa-4000-8000-000000000003',
   '7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e', 'nightly-report'),
  ('22222222-bbbb-4000-8000-000000000001',
   'c2a91d70-58be-4c1f-8f0e-6d7e1b9a4c55', 'invoice-mailer'),
  ('22222222-bbbb-4000-8000-000000000002',
   'c2a91d70-58be-4c1f-8f0e-6d7e1b9a4c55', 'payment-webhook')
on conflict (id) do nothing;

-- Its last 30 days -------------------------------------------------------------------------------
-- Written before the table is watched, as in any project that existed before Tocsin: the counters
-- are built by backfill_runs(). Working hours are busy and weekends quiet; nine days ago the CRM
-- held back its contacts for three hours, and since yesterday at this time, for an hour and a half,
-- the shop's orders could not be fetched.

do $history$
begin
  -- tests that need no past leave it out: set demo.history = 'off'
  if exists (select from public.workflow_runs)
    or current_setting('demo.history', true) = 'off'
  then
    return;
  end if;
  perform setseed(0.42);

  create temporary table demo_workflow on commit drop as
  select w.id, w.project_id, d.* from (values
    -- a_run is how many seconds most take; runs_an_hour is at noon on a working day
    ('order-import', 130, 0.015, 12.0), ('crm-sync', 60, 0.03, 45.0),
    ('nightly-report', 0, 0.03, 240.0), ('invoice-mailer', 40, 0.01, 4.0),
    ('payment-webhook', 120, 0.006, 1.5)
  ) as d (slug, runs_an_hour, failure_share, a_run)
  join public.workflow_definitions w using (slug);

  create temporary table demo_error on commit drop as
  select row_number() over (partition by slug) - 1 as place, count(*) over (partition by slug), *
  from (values
    ('order-import', 'fetch_orders',
      'HTTP 502 Bad Gateway from https://api.shop.example/v2/orders?page=3'),
    ('order-import', 'map_order', 'Cannot read properties of null (reading ''sku'')'),
    ('crm-sync', 'fetch_contacts',
      'HTTP 429 Too Many Requests from https://crm.example/api/contacts (retry-after: 30)'),
    ('crm-sync', 'upsert_contact',
      'HTTP 409 Conflict: {"error":"duplicate","field":"email","value":"jo@customer.example"}'),
    ('nightly-report', 'query_sales', 'connect ETIMEDOUT 10.4.0.17:5432 after 30000 ms'),
    ('invoice-mailer', 'render_invoice', 'Template variable `vat_rate` is not defined'),
    ('invoice-mailer', 'send_mail', 'HTTP 550 mailbox unavailable: billing@customer.example'),
    ('payment-webhook', 'record_payment',
      'HTTP 503 Service Unavailable from https://ledger.example/entries')
  ) as e (slug, node, message);

  insert into public.workflow_runs (id, project_id, workflow_id, status, started_at, finished_at)
  select gen_random_uuid(), r.project_id, r.id,
    case when r.luck < r.failure_share then 'failed' when r.luck > 0.995 then 'canceled'
      else 'succeeded' end, r.started_at, r.started_at + make_interval(secs => r.seconds)
  from (
    select w.*, started_at, random() as luck,
      case
        when w.slug = 'order-import' and started_at between now() - interval '25 hours 30 minutes'
          and now() - interval '24 hours' then 0.65
        when w.slug = 'payment-webhook' and started_at between now() - interval '25 hours'
          and now() - interval '24 hours' then 0.12
        when w.slug = 'crm-sync' and started_at between now() - interval '9 days 3 hours'
          and now() - interval '9 days' then 0.4
        else w.failure_share end as share,
      w.a_run * exp(0.5 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())) as seconds
    from demo_workflow w
    cross join generate_series(date_trunc('hour', now()) - interval '30 days',
      date_trunc('hour', now()), interval '1 hour') as hour
    cross join lateral (
      select (0.3 + 0.7 * greatest(0, sin(pi() * (extract(hour from hour) - 5) / 15)))
        * case when extract(isodow from hour) > 5 then 0.45 else 1 end as business
    ) as b
    cross join lateral generate_series(1, case
      when w.slug = 'nightly-report' then (extract(hour from hour) = 2)::int
      else round(w.runs_an_hour * business * (0.75 + random() / 2))::int end) as n
    -- a time for each: it depends on n
    cross join lateral (select hour + (random() + 0 * n) * interval '1 hour' as started_at) as at
  ) as r (id, project_id, slug, runs_an_hour, usual_share, a_run, started_at, luck, failure_share,
    seconds)
  -- what was told of the last of them is over before the first live one
  where r.started_at + make_interval(secs => r.seconds) < now() - interval '20 minutes';

  insert into public.workflow_events (run_id, ts, type, payload)
  select r.id, r.finished_at, 'step_failed', jsonb_build_object('node', e.node, 'attempt', 5,
    'max_attempts', 5, 'error', e.message)
  from public.workflow_runs r
  join demo_workflow w on w.id = r.workflow_id
  join demo_error e on e.slug = w.slug and e.place = (case
    -- an incident is of one cause
    when r.finished_at > now() - interval '26 hours' then 0
    else abs(hashtext(r.id::text)) % e.count end)
  where r.status = 'failed';
end
$history$;

-- Tocsin ------------------------------------------------------------------------------------------

select source_id from tocsin.watch_runs('public.workflow_runs', 'meshhook',
  '{"run_url_template": "https://meshhook.example/runs/{{run_id}}"}');

-- The operators' channels, which belong to no project; the local stack runs both receivers.
insert into tocsin.alert_channels (channel_id, name, kind, recipients, url) values
  ('aaaaaaaa-0000-4000-8000-000000000001', 'On-call inbox', 'email', '{oncall@acme.example}', null),
  ('aaaaaaaa-0000-4000-8000-000000000002', 'Incident webhook', 'webhook', '{}',
   'http://127.0.0.1:54325/hooks/demo')
on conflict (channel_id) do nothing;

-- and those of the projects' own people
insert into tocsin.alert_channels (channel_id, project_id, name, kind, recipients) values
  ('aaaaaaaa-0000-4000-8000-000000000003', '7b6f0c1e-2f3a-4d55-9c1d-0a4b8f1c2d3e', 'Shop team',
   'email', '{shop-team@acme.example}'),
  ('aaaaaaaa-0000-4000-8000-000000000004', 'c2a91d70-58be-4c1f-8f0e-6d7e1b9a4c55', 'Billing team',
   'email', '{billing@northwind.example}')
on conflict (channel_id) do nothing;

-- Its past as Tocsin would have recorded it -------------------------------------------------------
-- It is Tocsin's own code that records it, with the clock moved: the counters are backfilled, and
-- each failure is ingested, told and delivered at its own time. Only the sending is left out.

create function pg_temp.live_through(
  p_from timestamptz, p_to timestamptz, p_step interval, p_is_judged boolean
) returns void
language plpgsql
as $$
declare
  v_at timestamptz := p_from;
  v_next timestamptz;
  v_failures jsonb[];
  v_delivery record;
begin
  while v_at < p_to loop
    v_next := least(v_at + p_step, p_to);
    select array_agg(message) into v_failures from demo_failure
    where finished_at > v_at and finished_at <= v_next;
    if v_failures is not null then
      perform tocsin_internal.admit_errors(
        tocsin_internal.ingest_messages(v_failures, v_next), v_next);
    end if;
    if p_is_judged then
      perform tocsin_internal.evaluate(v_next + interval '5 seconds');
    end if;
    perform tocsin_internal.close_windows(v_next + interval '5 seconds');
    perform tocsin_internal.remind(v_next + interval '5 seconds');
    for v_delivery in
      select * from tocsin.claim_deliveries(1000, 120, v_next + interval '5 seconds')
    loop
      perform tocsin.record_attempt(v_delivery.delivery_id, v_delivery.attempt, 'delivered',
        v_next + interval '5.8 seconds', v_next + interval '6.2 seconds', p_http_status => 200);
    end loop;
    v_at := v_next;
  end loop;
end
$$;

create temporary table demo_failure as
select r.finished_at, jsonb_build_object('error_id', gen_random_uuid(),
  'source_id', 'workflow_runs', 'run_id', r.id, 'project_id', r.project_id,
  'workflow_id', r.workflow_id, 'outcome', 'failed', 'failed_at', r.finished_at) as message
from public.workflow_runs r
where r.status = 'failed' and not exists (select from tocsin.error_metrics);

do $before_settings$
begin
  if not exists (select from demo_failure) then
    return;
  end if;
  -- what the incident is judged by at once; the heart counts the rest in the background
  perform tocsin.backfill_runs('public.workflow_runs', now() - interval '5 days');
  while exists (select from tocsin.backfills where state = 'running') loop
    perform tocsin_internal.backfill();
  end loop;
  perform tocsin.backfill_runs('public.workflow_runs');
  analyze public.workflow_runs, public.workflow_events, tocsin_internal.run_buckets;
  -- until two days ago nobody had asked to be told
  perform pg_temp.live_through(now() - interval '31 days', now() - interval '2 days',
    interval '1 day', false);
end
$before_settings$;

-- A setting of each kind. What is left out has the kind's default.
insert into tocsin.alert_settings (setting_id, name, kind, project_id, workflow_id, parameters,
  severity, for_duration, keep_firing_for, evaluation_interval)
select ('bbbbbbbb-0000-4000-8000-' || lpad(place::text, 12, '0'))::uuid, name, kind,
  w.project_id::text, w.id::text, parameters::jsonb, severity::tocsin.severity, pending::interval,
  kept::interval,
  -- what looks at hours need not look each minute
  case when kind in ('failure_rate', 'failure_count') then interval '1 minute'
    else interval '5 minutes' end
from (values
  (1, 'Every failed run', 'run_failed', null, '{}', 'high', '0', '0'),
  (2, 'Failure rate over 10 %', 'failure_rate', null,
    '{"threshold": 10, "resolve_threshold": 5, "min_sample": 10}', 'high', '2 minutes',
    '5 minutes'),
  (3, 'Success rate under 90 % in an hour', 'success_rate', null,
    '{"threshold": 90, "window": "1 hour"}', 'medium', '5 minutes', '10 minutes'),
  (4, 'Twelve failures in a quarter of an hour', 'failure_count', null, '{"threshold": 12}',
    'medium', '0', '15 minutes'),
  (5, 'Much worse than the hour before', 'rate_changed', null, '{"threshold": 20}', 'medium',
    '5 minutes', '15 minutes'),
  (6, 'The nightly report is late', 'run_missing', 'nightly-report', '{"within": "26 hours"}',
    'high', '0', '0'),
  (7, 'Imports are slow', 'run_slow', 'order-import', '{"threshold": 60000}', 'low', '5 minutes',
    '0'),
  (8, 'Payments: 99 of 100 succeed', 'slo_burn', 'payment-webhook', '{"objective": 99}', 'high',
    '0', '0'),
  (9, 'Errors come in quickly', 'error_rate', null, '{"threshold": 30}', 'medium', '0',
    '5 minutes'),
  (10, 'Errors of the system itself', 'error_occurred', null,
    '{"error_types": ["system"], "min_severity": "high"}', 'high', '0', '0'),
  (11, 'An error never seen before', 'error_new', null, '{"min_severity": "medium"}', 'medium',
    '0', '0'),
  (12, 'A resolved error came back', 'error_regressed', null, '{}', 'medium', '0', '0')
) as s (place, name, kind, slug, parameters, severity, pending, kept)
left join public.workflow_definitions w on w.slug = s.slug
on conflict (setting_id) do nothing;

insert into tocsin.alert_setting_channels (setting_id, channel_id)
select s.setting_id, c.channel_id from tocsin.alert_settings s
join tocsin.alert_channels c on c.project_id is not distinct from s.project_id
where s.setting_id::text like 'bbbbbbbb-0000-4000-8000-%'
  and (c.kind = 'email' or s.kind = 'run_failed')
on conflict do nothing;

insert into tocsin.quiet_periods (period_id, name, project_id, setting_id, time_zone,
  breaks_through_from)
select 'cccccccc-0000-4000-8000-000000000001', 'Slow imports can wait for the morning', project_id,
  setting_id, 'Europe/Berlin', 'high'
from tocsin.alert_settings where setting_id = 'bbbbbbbb-0000-4000-8000-000000000007'
on conflict (period_id) do nothing;

do $since_settings$
declare
  -- half an hour into the incident, when enough has run to be judged, and until it is over
  v_begins constant timestamptz := date_trunc('minute', now()) - interval '25 hours 15 minutes';
  v_ends constant timestamptz := v_begins + interval '2 hours 30 minutes';
begin
  if not exists (select from demo_failure) then
    return;
  end if;
  perform pg_temp.live_through(now() - interval '2 days', v_begins, interval '1 hour', false);
  insert into tocsin_internal.evaluated_settings (setting_id, evaluated_until)
  select s.setting_id, v_begins from tocsin.alert_settings s
  join tocsin.alert_kinds k on k.kind = s.kind where k.family = 'measure' and s.is_enabled;
  perform pg_temp.live_through(v_begins, v_ends, interval '1 minute', true);
  perform pg_temp.live_through(v_ends, now() - interval '18 minutes', interval '1 hour', false);
  perform pg_temp.live_through(now() - interval '18 minutes', now(), interval '6 minutes', false);
  -- since then all was well: the heart goes on from here
  update tocsin_internal.evaluated_settings set evaluated_until = date_trunc('minute', now());
end
$since_settings$;

drop table demo_failure;
drop function pg_temp.live_through(timestamptz, timestamptz, interval, boolean);
