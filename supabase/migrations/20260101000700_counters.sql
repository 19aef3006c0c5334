-- Counters: what the outcomes add up to, by minute, five minutes, quarter of an hour, day and in
-- all.
--
-- An outcome is counted once, when it is rolled up; until then it is pending, and readers add what
-- is pending to what is counted, in one statement. So the sum is exact at every instant, and no run
-- waits for a counter.
--
-- Retention (tocsin_internal.granularities): minutes 2 days, five minutes 35 days, quarters of an
-- hour 180 days (every real time zone's day can be made of them), days in UTC and totals for good.
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.granularities (
  bucket_minutes int primary key,
  kept_for interval,
  constraint a_bucket_is_a_whole_part_of_a_day
    check (bucket_minutes = 0 or 1440 % bucket_minutes = 0)
);

comment on table tocsin_internal.granularities is
  'The lengths of buckets that outcomes are counted in. Change kept_for to keep them longer or '
  'less.';
comment on column tocsin_internal.granularities.bucket_minutes is
  'The length in minutes; 0 is the whole life of the workflow.';
comment on column tocsin_internal.granularities.kept_for is
  'How long they are kept; null: for good.';

insert into tocsin_internal.granularities (bucket_minutes, kept_for) values
  (0, null), (1, '2 days'), (5, '35 days'), (15, '180 days'), (1440, null);

create table tocsin_internal.run_buckets (
  bucket_minutes int not null,
  project_id text not null,
  workflow_id text not null,
  source_id text not null,
  bucket_at timestamptz not null,
  success_count bigint not null default 0,
  failed_count bigint not null default 0,
  timed_out_count bigint not null default 0,
  canceled_count bigint not null default 0,
  duration_count bigint not null default 0,
  duration_ms_sum double precision not null default 0,
  duration_ms_min double precision,
  duration_ms_max double precision,
  duration_bins smallint[] not null default '{}',
  duration_bin_counts bigint[] not null default '{}',
  last_updated timestamptz not null,
  primary key (bucket_minutes, project_id, workflow_id, source_id, bucket_at)
) partition by list (bucket_minutes);

comment on table tocsin_internal.run_buckets is
  'Outcomes counted by workflow and bucket. Written by count_outcomes(), pruned by maintain().';
comment on column tocsin_internal.run_buckets.bucket_minutes is 'The length of the bucket; 0: all.';
comment on column tocsin_internal.run_buckets.project_id is 'The project; empty: none.';
comment on column tocsin_internal.run_buckets.workflow_id is 'The workflow; empty: none.';
comment on column tocsin_internal.run_buckets.source_id is 'The run source.';
comment on column tocsin_internal.run_buckets.bucket_at is
  'When the bucket begins; 2000 for the whole life.';
comment on column tocsin_internal.run_buckets.success_count is 'Runs that succeeded.';
comment on column tocsin_internal.run_buckets.failed_count is 'Runs that failed.';
comment on column tocsin_internal.run_buckets.timed_out_count is 'Runs that timed out.';
comment on column tocsin_internal.run_buckets.canceled_count is 'Runs that were canceled.';
comment on column tocsin_internal.run_buckets.duration_count is 'Runs whose duration is known.';
comment on column tocsin_internal.run_buckets.duration_ms_sum is
  'Their durations, in milliseconds.';
comment on column tocsin_internal.run_buckets.duration_ms_min is 'The shortest: a low-water mark.';
comment on column tocsin_internal.run_buckets.duration_ms_max is 'The longest: a high-water mark.';
comment on column tocsin_internal.run_buckets.duration_bins is
  'The bins of the log-scale histogram that are not empty: see duration_bin().';
comment on column tocsin_internal.run_buckets.duration_bin_counts is 'How many runs are in each.';
comment on column tocsin_internal.run_buckets.last_updated is 'When something was last counted.';

do $partitions$
declare
  v_partition record;
  v_column record;
begin
  for v_partition in
    values (0, 'run_totals'), (1, 'run_minutes'), (5, 'run_five_minutes'),
      (15, 'run_quarter_hours'), (1440, 'run_days')
  loop
    execute format('create table tocsin_internal.%I partition of tocsin_internal.run_buckets '
      'for values in (%s) with (fillfactor = 70)', v_partition.column2, v_partition.column1);
    execute format('comment on table tocsin_internal.%I is %L', v_partition.column2,
      'A part of run_buckets. Read run_buckets.');
    for v_column in
      select attname, col_description(attrelid, attnum) as description
      from pg_catalog.pg_attribute
      where attrelid = 'tocsin_internal.run_buckets'::regclass and attnum > 0
    loop
      execute format('comment on column tocsin_internal.%I.%I is %L', v_partition.column2,
        v_column.attname, v_column.description);
    end loop;
    if v_partition.column1 > 0 then
      execute format('create index %I on tocsin_internal.%I (bucket_at)',
        v_partition.column2 || '_bucket_at_idx', v_partition.column2);
    end if;
    execute format('alter table tocsin_internal.%I enable row level security', v_partition.column2);
    execute format('create policy nobody_reads_it_through_the_api on tocsin_internal.%I '
      'using (false)', v_partition.column2);
  end loop;
end
$partitions$;

create table tocsin_internal.counted_ranges (
  source_id text primary key,
  run_table regclass not null,
  watched tstzmultirange not null,
  watched_since timestamptz,
  backfilled tstzmultirange not null default '{}',
  filling tstzmultirange not null default '{}',
  filled_to text,
  run_id_order text not null,
  constraint run_ids_are_ordered_in_one_of_three_ways
    check (run_id_order in ('number', 'text', 'bytes'))
);

comment on table tocsin_internal.counted_ranges is
  'For each source, the finish times whose runs are counted: since it is watched, and what was '
  'backfilled. What a run that finished outside of them leaves is not taken back.';
comment on column tocsin_internal.counted_ranges.source_id is 'The run source.';
comment on column tocsin_internal.counted_ranges.run_table is 'Its table.';
comment on column tocsin_internal.counted_ranges.watched is 'When the table was watched.';
comment on column tocsin_internal.counted_ranges.watched_since is
  'When the last watch began; null: it is over.';
comment on column tocsin_internal.counted_ranges.backfilled is 'What was backfilled.';
comment on column tocsin_internal.counted_ranges.filling is
  'What a backfill is at: of these, the runs up to filled_to are counted.';
comment on column tocsin_internal.counted_ranges.filled_to is
  'The last run, by its id, that the backfill has seen.';
comment on column tocsin_internal.counted_ranges.run_id_order is
  'How the run ids are ordered: as numbers, as text in the database''s collation, or by bytes.';

create table tocsin_internal.counted_runs (
  source_id text not null,
  run_id text not null,
  project_id text not null,
  workflow_id text,
  outcome text not null,
  started_at timestamptz,
  finished_at timestamptz,
  captured_at timestamptz not null,
  primary key (source_id, run_id)
);

create index counted_runs_captured_at_idx on tocsin_internal.counted_runs (captured_at);

comment on table tocsin_internal.counted_runs is
  'What was counted of runs whose own row does not tell it: failures told by another table, runs '
  'without a time, and runs that were written late, with a time outside of the counted ranges. '
  'Written by settle_outcomes() through roll_up(); kept 35 days, the late ones for good.';
comment on column tocsin_internal.counted_runs.source_id is 'The run source.';
comment on column tocsin_internal.counted_runs.run_id is 'The run.';
comment on column tocsin_internal.counted_runs.project_id is 'Its project; empty: none.';
comment on column tocsin_internal.counted_runs.workflow_id is 'Its workflow.';
comment on column tocsin_internal.counted_runs.outcome is 'What it was counted as.';
comment on column tocsin_internal.counted_runs.started_at is 'When it started, as it was counted.';
comment on column tocsin_internal.counted_runs.finished_at is
  'When it finished, as it was counted.';
comment on column tocsin_internal.counted_runs.captured_at is 'When it was seen.';

-- The histogram -----------------------------------------------------------------------------------

create function tocsin_internal.duration_bin(p_ms double precision) returns smallint
language sql immutable parallel safe set search_path = ''
as $$
  -- each bin ends at 1.1 times the end of the one before: 5 % of error at most
  select case when p_ms <= 1 then 0
    else least(ceil(ln(p_ms) / ln(1.1::double precision)), 400) end::smallint
$$;

comment on function tocsin_internal.duration_bin(double precision) is
  'The bin of a duration in milliseconds: bin n ends at 1.1 ^ n. Bin 400 holds the rest.';

create function tocsin_internal.bin_value(p_bin int) returns double precision
language sql immutable parallel safe set search_path = ''
as $$ select case when p_bin <= 0 then 1 else 2 * 1.1::double precision ^ p_bin / 2.1 end $$;

comment on function tocsin_internal.bin_value(int) is
  'The duration in milliseconds that a bin stands for: at most 5 % off any of its own.';

create function tocsin_internal.percentile_of_bins(
  p_bins int[], p_counts bigint[], p_share double precision
) returns double precision
language sql immutable parallel safe set search_path = ''
as $$
  select tocsin_internal.bin_value(bin) from (
    select bin, sum(n) over (order by bin) as upto, sum(n) over () as total
    from unnest(p_bins, p_counts) as h (bin, n)
  ) as cumulated
  where upto >= p_share * total and total > 0
  order by bin limit 1
$$;

comment on function tocsin_internal.percentile_of_bins(int[], bigint[], double precision) is
  'A percentile (p_share from 0 to 1) of a histogram, in milliseconds; 5 % off at most. Null: '
  'empty.';

-- Counting ----------------------------------------------------------------------------------------

create function tocsin_internal.count_outcomes(
  p_outcomes tocsin_internal.run_outcomes[], p_now timestamptz
) returns void
language sql set search_path = '' set work_mem = '32MB'
as $$
  -- Written out, since a function with a search path of its own is never inlined: an outcome counts
  -- at its finish time, but no later than it was seen; and when it was seen, where the row says
  -- nothing, infinity or a time before 2000. Counts of a batch fit an int: sums of bigint are
  -- numeric, and slow.
  with outcome as materialized (
    -- cut, since an index takes no key of any length, and one such run must not stop all others
    select left(coalesce(o.project_id, ''), 200) as project_id,
      left(coalesce(o.workflow_id, ''), 200) as workflow_id,
      o.source_id, o.outcome, o.sign::int as sign, d.ms,
      date_bin('1 minute', t.at, '2000-01-01 00:00:00+00') as minute,
      case when d.ms is not null then case when d.ms <= 1 then 0
        else least(ceil(ln(d.ms) / ln(1.1::double precision)), 400) end end::smallint as bin
    from unnest(p_outcomes) as o
    cross join lateral (
      select case when isfinite(o.finished_at) and o.finished_at >= '2000-01-01 00:00:00+00'
        then least(o.finished_at, o.captured_at) else o.captured_at end as at
    ) as t
    cross join lateral (
      -- of the row's own times alone, so that what is taken back later is what was counted
      select case when isfinite(o.started_at) and o.started_at >= '2000-01-01 00:00:00+00'
          and o.finished_at >= '2000-01-01 00:00:00+00'
          and o.finished_at <= o.captured_at + interval '1 hour'
        then greatest(0, extract(epoch from o.finished_at - o.started_at) * 1000)::double precision
        end as ms
    ) as d
    where o.sign <> 0
  ),
  -- by the minute first: a storm is few rows from here on
  by_minute as materialized (
    select project_id, workflow_id, source_id, minute, outcome, bin, sum(sign)::int as n,
      coalesce(sum(sign * ms), 0) as ms_sum,
      min(ms) filter (where sign = 1) as ms_min, max(ms) filter (where sign = 1) as ms_max
    from outcome group by 1, 2, 3, 4, 5, 6
  ),
  binned as (
    select g.bucket_minutes, o.project_id, o.workflow_id, o.source_id,
      case g.bucket_minutes when 0 then timestamptz '2000-01-01 00:00:00+00'
        else date_bin(make_interval(mins => g.bucket_minutes), o.minute, '2000-01-01 00:00:00+00')
        end as bucket_at,
      o.bin,
      coalesce(sum(n) filter (where outcome = 'succeeded'), 0)::int as succeeded,
      coalesce(sum(n) filter (where outcome = 'failed'), 0)::int as failed,
      coalesce(sum(n) filter (where outcome = 'timed_out'), 0)::int as timed_out,
      coalesce(sum(n) filter (where outcome = 'canceled'), 0)::int as canceled,
      sum(n)::int as n, sum(ms_sum) as ms_sum, min(ms_min) as ms_min, max(ms_max) as ms_max
    from by_minute o
    join tocsin_internal.granularities g on g.kept_for is null or o.minute >= p_now - g.kept_for
    group by 1, 2, 3, 4, 5, 6
  )
  insert into tocsin_internal.run_buckets as b (bucket_minutes, project_id, workflow_id, source_id,
    bucket_at, success_count, failed_count, timed_out_count, canceled_count, duration_count,
    duration_ms_sum, duration_ms_min, duration_ms_max, duration_bins, duration_bin_counts,
    last_updated)
  select bucket_minutes, project_id, workflow_id, source_id, bucket_at, sum(succeeded), sum(failed),
    sum(timed_out), sum(canceled), coalesce(sum(n) filter (where bin is not null), 0), sum(ms_sum),
    min(ms_min), max(ms_max),
    coalesce(array_agg(bin) filter (where bin is not null and n <> 0), '{}'),
    coalesce(array_agg(n::bigint) filter (where bin is not null and n <> 0), '{}'), p_now
  from binned group by 1, 2, 3, 4, 5
  order by 1, 2, 3, 4, 5
  on conflict (bucket_minutes, project_id, workflow_id, source_id, bucket_at) do update set
    success_count = b.success_count + excluded.success_count,
    failed_count = b.failed_count + excluded.failed_count,
    timed_out_count = b.timed_out_count + excluded.timed_out_count,
    canceled_count = b.canceled_count + excluded.canceled_count,
    duration_count = b.duration_count + excluded.duration_count,
    duration_ms_sum = b.duration_ms_sum + excluded.duration_ms_sum,
    duration_ms_min = least(b.duration_ms_min, excluded.duration_ms_min),
    duration_ms_max = greatest(b.duration_ms_max, excluded.duration_ms_max),
    -- written out: a function here would start an executor for each row
    (duration_bins, duration_bin_counts) = (
      select coalesce(array_agg(bin), '{}'), coalesce(array_agg(n), '{}')
      from (
        select bin, sum(n)::bigint as n from (
          select * from unnest(b.duration_bins, b.duration_bin_counts)
          union all select * from unnest(excluded.duration_bins, excluded.duration_bin_counts)
        ) as both_of_them (bin, n)
        group by bin having sum(n) <> 0
      ) as merged
    ),
    last_updated = greatest(b.last_updated, excluded.last_updated)
$$;

comment on function tocsin_internal.count_outcomes(tocsin_internal.run_outcomes[], timestamptz) is
  'Adds outcomes to the buckets that are still kept. Called where they stop being pending.';

alter table tocsin_internal.granularities enable row level security;
alter table tocsin_internal.run_buckets enable row level security;
alter table tocsin_internal.counted_ranges enable row level security;
alter table tocsin_internal.counted_runs enable row level security;

create policy everybody_sees_how_it_is_counted on tocsin_internal.granularities
  for select to authenticated using (true);
-- names and times of sources: for those who are a member of something
create policy members_see_what_is_counted on tocsin_internal.counted_ranges
  for select to authenticated using (
    (select tocsin_internal.is_operator())
    or (select exists (select from tocsin.my_project_ids()))
  );
create policy members_see_their_projects_buckets on tocsin_internal.run_buckets
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy members_see_their_projects_counted_runs on tocsin_internal.counted_runs
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );

revoke all on tocsin_internal.granularities, tocsin_internal.run_buckets,
  tocsin_internal.counted_ranges, tocsin_internal.counted_runs, tocsin_internal.run_totals,
  tocsin_internal.run_minutes, tocsin_internal.run_five_minutes,
  tocsin_internal.run_quarter_hours, tocsin_internal.run_days
  from public, anon, authenticated, service_role;
grant select on tocsin_internal.granularities, tocsin_internal.run_buckets,
  tocsin_internal.counted_ranges, tocsin_internal.counted_runs to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
