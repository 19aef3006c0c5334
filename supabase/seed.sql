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

-- Tocsin ------------------------------------------------------------------------------------------

select source_id from tocsin.watch_runs('public.workflow_runs', 'meshhook',
  '{"run_url_template": "https://meshhook.example/runs/{{run_id}}"}');

-- The operators' channels, which belong to no project; the local stack runs both receivers.
insert into tocsin.alert_channels (channel_id, name, kind, recipients, url) values
  ('aaaaaaaa-0000-4000-8000-000000000001', 'On-call inbox', 'email', '{oncall@acme.example}', null),
  ('aaaaaaaa-0000-4000-8000-000000000002', 'Incident webhook', 'webhook', '{}',
   'http://127.0.0.1:54325/hooks/demo')
on conflict (channel_id) do nothing;

insert into tocsin.alert_settings (setting_id, name) values
  ('bbbbbbbb-0000-4000-8000-000000000001', 'Every failed run')
on conflict (setting_id) do nothing;

insert into tocsin.alert_setting_channels (setting_id, channel_id) values
  ('bbbbbbbb-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001'),
  ('bbbbbbbb-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002')
on conflict do nothing;
