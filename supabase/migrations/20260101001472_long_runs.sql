-- Long runs: runs that do not end.
--
-- Nothing is written when a run does not end, so the heart looks for them, where somebody asks: a
-- setting of the kind run_stuck, stuck_after of a source, max_duration of a workflow. The host pays
-- nothing: no trigger, no index, no column, no lock but that of a SELECT, for which it waits a
-- tenth of a second at most. How a table is looked at depends on its indexes:
--
--   index   there is one on its start times: once a minute the runs that have come of age since
--   sweep   there is none: the table is read through, 1,000 pages a beat, every five minutes
--   none    the runs have no start time, or no index on their id: nobody looks
--
-- What was found is asked for again each minute, by its id, until it has ended. Runs that started
-- before their table was watched are not looked for.
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.long_runs (
  source_id text not null,
  run_id text not null,
  project_id text not null,
  workflow_id text not null,
  started_at timestamptz not null,
  running_since timestamptz,
  ended_at timestamptz,
  told_at timestamptz,
  primary key (source_id, run_id)
);

create index long_runs_source_id_idx on tocsin_internal.long_runs (source_id)
  where ended_at is null;
create index long_runs_project_id_workflow_id_idx on tocsin_internal.long_runs
  (project_id, workflow_id);
create index long_runs_ended_at_idx on tocsin_internal.long_runs (ended_at);

comment on table tocsin_internal.long_runs is
  'Runs that were open for longer than anybody asks for. Written by find_long_runs(); kept 35 days '
  'after their end.';
comment on column tocsin_internal.long_runs.source_id is 'The run source.';
comment on column tocsin_internal.long_runs.run_id is 'The run.';
comment on column tocsin_internal.long_runs.project_id is 'Its project; empty: none.';
comment on column tocsin_internal.long_runs.workflow_id is 'Its workflow; empty: none.';
comment on column tocsin_internal.long_runs.started_at is 'When it started, as its row says.';
comment on column tocsin_internal.long_runs.running_since is
  'Since when it has been running: its start, or when it was seen to go on after it had been idle. '
  'Null: it is idle, such as paused.';
comment on column tocsin_internal.long_runs.ended_at is
  'When it ended, or was not there any more; null: it is open.';
comment on column tocsin_internal.long_runs.told_at is
  'When a failure event told that it is stuck; null: none did.';

create table tocsin_internal.run_searches (
  source_id text primary key references tocsin.run_sources (source_id) on delete cascade,
  way text not null,
  looked_at timestamptz not null,
  looked_until timestamptz not null,
  sweep_began_at timestamptz,
  sweep_table oid,
  sweep_page bigint not null default 0,
  constraint way_is_known check (way in ('index', 'sweep', 'none'))
);

comment on table tocsin_internal.run_searches is
  'How far the search for long runs has come in each watched table. Written by find_long_runs().';
comment on column tocsin_internal.run_searches.source_id is 'The run source.';
comment on column tocsin_internal.run_searches.way is
  'index: by an index on its start times. sweep: page by page. none: it cannot be searched.';
comment on column tocsin_internal.run_searches.looked_at is
  'When its open runs were last asked for.';
comment on column tocsin_internal.run_searches.looked_until is
  'index: runs that started up to then have been looked at.';
comment on column tocsin_internal.run_searches.sweep_began_at is
  'sweep: when the last one began.';
comment on column tocsin_internal.run_searches.sweep_table is
  'sweep: the table, or partition, that it is at; null: it is done.';
comment on column tocsin_internal.run_searches.sweep_page is 'sweep: the page that comes next.';

create type tocsin_internal.seen_run as (
  run_id text,
  project_id text,
  workflow_id text,
  started_at timestamptz,
  finished_at timestamptz,
  status text
);
comment on type tocsin_internal.seen_run is 'A run as its row says.';

-- Who asks ----------------------------------------------------------------------------------------

create function tocsin_internal.long_after(p_source tocsin.run_sources) returns interval
language plpgsql stable set search_path = ''
as $$
begin
  return least((p_source.mapping ->> 'stuck_after')::interval,
    (select min((s.parameters ->> 'longer_than')::interval) from tocsin.alert_settings s
      where s.kind = 'run_stuck' and s.is_enabled),
    (select min(w.max_duration) from tocsin.workflow_settings w));
end
$$;

comment on function tocsin_internal.long_after(tocsin.run_sources) is
  'The age from which anybody asks for runs of a source that are still open; null: nobody asks.';

create function tocsin_internal.way_to_search(p_source tocsin.run_sources) returns text
language sql stable set search_path = ''
as $$
  with first_column as (
    select a.attname, t.oid = any (array['timestamptz', 'timestamp']::regtype[]) as is_time
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_am m on m.oid = c.relam and m.amname = 'btree'
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    join pg_catalog.pg_type t on t.oid = a.atttypid
    where i.indrelid = p_source.run_table and i.indisvalid and i.indpred is null
  )
  select case
    when tocsin_internal.column_type(p_source.run_table, p_source.mapping ->> 'started_at') is null
      or not exists (
        select from first_column where attname = p_source.mapping ->> 'run_id')
      then 'none'
    when exists (
      select from first_column where attname = p_source.mapping ->> 'started_at' and is_time)
      then 'index'
    else 'sweep' end
$$;

comment on function tocsin_internal.way_to_search(tocsin.run_sources) is
  'How long runs of a source can be found: index, sweep or none.';

-- Looking -----------------------------------------------------------------------------------------

create function tocsin_internal.seen_run_of(p_source tocsin.run_sources) returns text
language sql stable set search_path = ''
as $$
  select format('row(r.%I::text, left(coalesce(%s, ''''), 200), left(coalesce(%s, ''''), 200), '
      '%s, %s, r.%I::text)::tocsin_internal.seen_run',
    m ->> 'run_id', tocsin_internal.text_expression(m ->> 'project_id', 'r'),
    tocsin_internal.text_expression(m ->> 'workflow_id', 'r'),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'started_at', 'r'),
    tocsin_internal.timestamp_expression(p_source.run_table, m ->> 'finished_at', 'r'),
    m ->> 'status')
  from (select p_source.mapping) as s (m)
$$;

comment on function tocsin_internal.seen_run_of(tocsin.run_sources) is
  'SQL that reads a row r of the run table as seen_run.';

create function tocsin_internal.final_statuses(p_mapping jsonb) returns text[]
language sql immutable set search_path = ''
as $$
  select array(
    select jsonb_array_elements_text(p_mapping -> outcome)
    from unnest(array['succeeded', 'failed', 'canceled', 'timed_out']) as outcome)
$$;

comment on function tocsin_internal.final_statuses(jsonb) is
  'The statuses of a mapping with which a run has ended.';

create function tocsin_internal.look_by_index(
  p_source tocsin.run_sources, p_from timestamptz, p_to timestamptz
) returns table (runs tocsin_internal.seen_run[], until timestamptz, is_done boolean)
language plpgsql set search_path = '' set enable_seqscan = off
as $$
declare
  v_started constant text := format('r.%I', p_source.mapping ->> 'started_at');
  v_zone constant text := case when tocsin_internal.column_type(p_source.run_table,
    p_source.mapping ->> 'started_at') !~ 'with time zone' then ' at time zone ''UTC''' else '' end;
begin
  -- with ties, lest those that started at one instant are seen in part
  return query execute format($q$
    select array_agg(%1$s) filter (where r.%5$I::text <> all ($3)), coalesce(max(%6$s), $2),
      count(*) < 5000
    from (
      select r.* from %2$s r where %3$s > ($1%4$s) and %3$s <= ($2%4$s)
      order by %3$s fetch first 5000 rows with ties
    ) as r
  $q$, tocsin_internal.seen_run_of(p_source), p_source.run_table, v_started, v_zone,
    p_source.mapping ->> 'status', tocsin_internal.timestamp_expression(p_source.run_table,
      p_source.mapping ->> 'started_at', 'r'))
  using p_from, p_to, tocsin_internal.final_statuses(p_source.mapping);
end
$$;

comment on function tocsin_internal.look_by_index(tocsin.run_sources, timestamptz, timestamptz) is
  'Open runs that started after p_from, up to p_to, by the index on their start times: among about '
  '5,000, up to when, and whether these are all.';

create function tocsin_internal.look_by_page(
  p_source tocsin.run_sources, p_table regclass, p_page bigint, p_from timestamptz,
  p_to timestamptz
) returns tocsin_internal.seen_run[]
language plpgsql set search_path = ''
as $$
declare
  v_runs tocsin_internal.seen_run[];
begin
  execute format($q$
    select array_agg(%1$s) from %2$s r
    where r.ctid >= $1 and r.ctid < $2 and r.%3$I::text <> all ($3) and %4$s > $4 and %4$s <= $5
  $q$, tocsin_internal.seen_run_of(p_source), p_table, p_source.mapping ->> 'status',
    tocsin_internal.timestamp_expression(p_table, p_source.mapping ->> 'started_at', 'r'))
  into v_runs
  using format('(%s,0)', p_page)::tid, format('(%s,0)', p_page + 1000)::tid,
    tocsin_internal.final_statuses(p_source.mapping), p_from, p_to;
  return v_runs;
end
$$;

comment on function tocsin_internal.look_by_page(tocsin.run_sources, regclass, bigint, timestamptz,
  timestamptz) is
  'Open runs on 1,000 pages of a table or partition that started within a range.';

create function tocsin_internal.look_by_id(p_source tocsin.run_sources, p_run_ids text[])
returns tocsin_internal.seen_run[]
language plpgsql set search_path = '' set enable_seqscan = off
as $$
declare
  v_runs tocsin_internal.seen_run[];
begin
  execute format('select array_agg(%s) from %s r where r.%I = any ($1::%s[])',
    tocsin_internal.seen_run_of(p_source), p_source.run_table, p_source.mapping ->> 'run_id',
    tocsin_internal.column_type(p_source.run_table, p_source.mapping ->> 'run_id'))
  into v_runs using p_run_ids;
  return v_runs;
end
$$;

comment on function tocsin_internal.look_by_id(tocsin.run_sources, text[]) is
  'Runs by their ids; those that are not there any more are left out.';

revoke all on all functions in schema tocsin_internal from public;
