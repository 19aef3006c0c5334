-- Foundation: the schemas, the extensions, the installation's own row, and the record of faults.
--
-- `tocsin` is what people see, through Studio and the Data API, under RLS. `tocsin_internal` is the
-- machinery and is never exposed. Nothing goes into `public`.
--
-- pgmq is required. pg_cron, pg_net and Vault are taken where the server has them: their absence
-- must not fail the host's own migrations, and `tocsin.doctor()` names what is missing.
--
-- What reads or decides much in one statement has jit = off: its plans are priced as if the batch
-- were large, and compiling them takes longer than running them.
--
-- SECURITY DEFINER functions: none.

do $extensions$
declare
  v_extension text;
begin
  -- what was there before, so that uninstalling takes nothing away that was
  perform set_config('tocsin.found_before', jsonb_build_object(
    'extensions', (select jsonb_agg(extname order by extname) from pg_catalog.pg_extension),
    'schemas', (select jsonb_agg(nspname order by nspname) from pg_catalog.pg_namespace
      where nspname !~ '^pg_(temp|toast)'))::text, true);
  create extension if not exists pgmq;
  foreach v_extension in array array['pg_cron', 'pg_net', 'supabase_vault'] loop
    if exists (select from pg_catalog.pg_available_extensions where name = v_extension)
      and not exists (select from pg_catalog.pg_extension where extname = v_extension)
    then
      begin
        execute format('create extension %I%s', v_extension,
          case when v_extension = 'pg_net' then ' with schema extensions' end);
      exception when others then
        raise warning 'Tocsin could not create the extension %: %', v_extension, sqlerrm
          using hint = 'Enable it under Database > Extensions, then run: select tocsin.setup();';
      end;
    end if;
  end loop;
end
$extensions$;

create schema tocsin;
comment on schema tocsin is
  'Tocsin: run metrics, errors, queue health and alerts of this project. Safe to read and edit.';

create schema tocsin_internal;
comment on schema tocsin_internal is
  'The machinery of Tocsin. Not exposed through the Data API; change nothing here by hand.';

create type tocsin.severity as enum ('low', 'medium', 'high');
comment on type tocsin.severity is 'How bad a failure is: low, medium or high.';

-- The one row about this installation ----------------------------------------------------------

create table tocsin_internal.installation (
  is_the_only_row boolean primary key default true,
  functions_url text,
  last_doorbell_id bigint,
  last_doorbell_at timestamptz,
  last_api_call_at timestamptz,
  installed_at timestamptz not null default clock_timestamp(),
  found_before jsonb,
  constraint there_is_one_installation check (is_the_only_row),
  constraint functions_url_is_http check (functions_url ~ '^https?://[^/\s]+(/\S*)?$')
);

comment on table tocsin_internal.installation is
  'Facts about this installation, in one row. Written by tocsin.setup() and by the heart.';
comment on column tocsin_internal.installation.is_the_only_row is 'Always true: keeps it one row.';
comment on column tocsin_internal.installation.functions_url is
  'Where Edge Functions answer, without a slash at the end: https://<ref>.supabase.co/functions/v1';
comment on column tocsin_internal.installation.last_doorbell_id is
  'The pg_net request of the last doorbell. Ids start again after a crash: match the time as well.';
comment on column tocsin_internal.installation.last_doorbell_at is
  'When tocsin-notify was last rung.';
comment on column tocsin_internal.installation.last_api_call_at is
  'When tocsin-notify last reached this database through the Data API: proof that it is exposed.';
comment on column tocsin_internal.installation.installed_at is 'When the migrations ran.';
comment on column tocsin_internal.installation.found_before is
  'The extensions and schemas that were there before the migrations ran. Uninstalling leaves them.';

insert into tocsin_internal.installation (found_before)
values (nullif(current_setting('tocsin.found_before', true), '')::jsonb);

-- What the stages of the heart did, and what went wrong -------------------------------------------

create table tocsin_internal.stages (
  stage text primary key,
  last_run_at timestamptz not null,
  last_duration_ms double precision not null,
  last_result bigint
);

comment on table tocsin_internal.stages is
  'The last run of each stage of the heart, and of the hourly maintain(). Written by '
  'tocsin_internal.run_stage() and maintain().';
comment on column tocsin_internal.stages.stage is 'The stage: a function of tocsin_internal.';
comment on column tocsin_internal.stages.last_run_at is 'When it last ran to its end (its p_now).';
comment on column tocsin_internal.stages.last_duration_ms is 'How long that took, in milliseconds.';
comment on column tocsin_internal.stages.last_result is 'How many rows it handled.';

create table tocsin_internal.stage_faults (
  fault_id bigint generated always as identity primary key,
  stage text not null,
  happened_at timestamptz not null,
  error_code text not null,
  message text not null,
  detail text
);

create index stage_faults_happened_at_idx on tocsin_internal.stage_faults (happened_at);

comment on table tocsin_internal.stage_faults is
  'Faults of Tocsin itself: a stage that failed leaves a row here and the others go on. Kept 7 '
  'days.';
comment on column tocsin_internal.stage_faults.fault_id is 'The number of the fault.';
comment on column tocsin_internal.stage_faults.stage is 'The stage that failed.';
comment on column tocsin_internal.stage_faults.happened_at is 'When it failed.';
comment on column tocsin_internal.stage_faults.error_code is 'The SQLSTATE.';
comment on column tocsin_internal.stage_faults.message is 'The error, as Postgres said it.';
comment on column tocsin_internal.stage_faults.detail is 'Where it happened, or what it was about.';

-- Functions -------------------------------------------------------------------------------------

create function tocsin.version() returns text
language sql immutable parallel safe set search_path = ''
as $$ select '0.1.0' $$;

comment on function tocsin.version() is
  'The version of Tocsin that is installed, as major.minor.patch.';

create function tocsin_internal.record_fault(
  p_stage text, p_error_code text, p_message text, p_detail text default null,
  p_now timestamptz default clock_timestamp()
) returns void
language sql volatile set search_path = ''
as $$
  insert into tocsin_internal.stage_faults (stage, happened_at, error_code, message, detail)
  values (p_stage, p_now, p_error_code, left(p_message, 2000), left(p_detail, 2000))
$$;

comment on function tocsin_internal.record_fault(text, text, text, text, timestamptz) is
  'Leaves a row in stage_faults, where doctor() finds it.';

create function tocsin_internal.has_extension(p_name text) returns boolean
language sql stable set search_path = ''
as $$ select exists (select from pg_catalog.pg_extension where extname = p_name) $$;

comment on function tocsin_internal.has_extension(text) is
  'Whether the extension is installed here.';

create function tocsin_internal.ensure_queue(p_name text) returns void
language plpgsql set search_path = ''
as $$
declare
  v_table text;
begin
  if to_regclass('pgmq.q_' || p_name) is null then
    perform pgmq.create(p_name);
  end if;
  -- Some projects open pgmq to the Data API: our messages are for nobody there.
  for v_table in
    select relname from pg_catalog.pg_class
    where relnamespace = 'pgmq'::regnamespace and relname in ('q_' || p_name, 'a_' || p_name)
      and not relrowsecurity
  loop
    execute format('alter table pgmq.%I enable row level security', v_table);
    execute format('revoke all on pgmq.%I from public, anon, authenticated', v_table);
  end loop;
end
$$;

comment on function tocsin_internal.ensure_queue(text) is
  'Makes one of Tocsin''s own queues unless it is there, and closes its tables to people.';

create function tocsin_internal.touch_updated_at() returns trigger
language plpgsql set search_path = ''
as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end
$$;

comment on function tocsin_internal.touch_updated_at() is
  'Trigger of the tables that people edit: keeps updated_at true.';

-- Privileges --------------------------------------------------------------------------------------

alter table tocsin_internal.installation enable row level security;
alter table tocsin_internal.stages enable row level security;
alter table tocsin_internal.stage_faults enable row level security;

create policy nobody_reads_it_through_the_api on tocsin_internal.installation using (false);
create policy nobody_reads_it_through_the_api on tocsin_internal.stages using (false);
create policy nobody_reads_it_through_the_api on tocsin_internal.stage_faults using (false);

revoke all on schema tocsin, tocsin_internal from public;
grant usage on schema tocsin to authenticated, service_role;
grant usage on schema tocsin_internal to authenticated, service_role;

revoke all on all tables in schema tocsin_internal from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin from public, anon, authenticated, service_role;
revoke all on all functions in schema tocsin_internal
  from public, anon, authenticated, service_role;
grant execute on function tocsin.version() to authenticated, service_role;
