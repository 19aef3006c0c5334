-- Runs: the tables that are watched, and the outcomes that their triggers append.
--
-- tocsin_internal.run_outcomes is written inside the user's own transactions. It must never refuse
-- a row and never make one wait: no foreign key, no check, no unpartitionable key, raw values only.
-- Change it with new columns that have no default to compute, under a lock timeout, and last in
-- the file; for anything else make a new table and generate the triggers anew.
--
-- SECURITY DEFINER functions: none.

create table tocsin.run_sources (
  source_id text primary key,
  run_table regclass not null,
  preset text,
  options jsonb not null default '{}',
  mapping jsonb not null,
  watched_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint a_table_is_watched_once unique (run_table),
  constraint source_id_is_a_short_slug check (source_id ~ '^[a-z][a-z0-9_]{0,39}$')
);

comment on table tocsin.run_sources is
  'The run tables that are watched. Written by tocsin.watch_runs(); change one by calling it '
  'again.';
comment on column tocsin.run_sources.source_id is
  'Names the source everywhere, since two tables may both have a run 1. Stays when the table is '
  'renamed.';
comment on column tocsin.run_sources.run_table is 'The watched table.';
comment on column tocsin.run_sources.preset is 'The preset that the mapping started from, if any.';
comment on column tocsin.run_sources.options is 'The options as they were given to watch_runs().';
comment on column tocsin.run_sources.mapping is
  'What watch_runs() made of them: which column is what, and which status means what.';
comment on column tocsin.run_sources.watched_at is 'Since when the table is watched.';
comment on column tocsin.run_sources.updated_at is 'When the mapping was last made.';

create table tocsin_internal.run_outcomes (
  outcome_id bigint generated always as identity primary key,
  source_id text,
  run_id text,
  project_id text,
  workflow_id text,
  outcome text,
  sign smallint,
  signal text,
  is_move boolean,
  started_at timestamptz,
  finished_at timestamptz,
  captured_at timestamptz default clock_timestamp()
) with (
  -- A queue: rows live for seconds. Truncating its end would take a lock that writers wait for.
  vacuum_truncate = off,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_vacuum_cost_delay = 0
);

comment on table tocsin_internal.run_outcomes is
  'Outcomes not yet rolled up. Appended by the generated triggers in the transaction that ended '
  'the '
  'run; removed by tocsin_internal.roll_up().';
comment on column tocsin_internal.run_outcomes.outcome_id is 'The order of appending.';
comment on column tocsin_internal.run_outcomes.source_id is 'The run source.';
comment on column tocsin_internal.run_outcomes.run_id is 'The run, as text.';
comment on column tocsin_internal.run_outcomes.project_id is 'Its project, as text; null: none.';
comment on column tocsin_internal.run_outcomes.workflow_id is 'Its workflow, as text; null: none.';
comment on column tocsin_internal.run_outcomes.outcome is
  'succeeded, failed, canceled or timed_out.';
comment on column tocsin_internal.run_outcomes.sign is
  '1: the run came to this outcome. -1: it left it again (re-opened, or another outcome). 0: a '
  'failure told of a run whose status says that it ended otherwise: told, and not counted.';
comment on column tocsin_internal.run_outcomes.signal is
  'What told it, where several tables can: status (the run table), event or job (those beside it). '
  'Null: only the status can.';
comment on column tocsin_internal.run_outcomes.is_move is
  'True: the run kept its outcome and changed its project, its workflow or its times. Nothing to '
  'tell. Else null.';
comment on column tocsin_internal.run_outcomes.started_at is
  'When the run started, as its row says.';
comment on column tocsin_internal.run_outcomes.finished_at is
  'When the run finished, as its row says; null: it does not say.';
comment on column tocsin_internal.run_outcomes.captured_at is 'When the trigger saw it.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.run_sources enable row level security;
alter table tocsin_internal.run_outcomes enable row level security;

create policy operators_see_sources on tocsin.run_sources
  for select to authenticated using ((select tocsin_internal.is_operator()));
-- what is pending is part of what members read: tocsin.workflow_run_metrics
create policy members_see_their_projects_outcomes on tocsin_internal.run_outcomes
  for select to authenticated using (
    (select tocsin_internal.is_operator())
    or coalesce(project_id, '') in (select tocsin.my_project_ids())
  );

revoke all on tocsin.run_sources, tocsin_internal.run_outcomes
  from public, anon, authenticated, service_role;
grant select on tocsin.run_sources to authenticated, service_role;
grant select on tocsin_internal.run_outcomes to authenticated, service_role;
