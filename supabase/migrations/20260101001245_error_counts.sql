-- Error counts: how many, in which minute; how many users and runs, on which day.
--
-- Counts are exact. Distinct users and runs are kept as sketches: the 1,024 smallest of the 64-bit
-- hashes of their ids. While there are fewer than 1,024 ids the sketch holds them all and the count
-- is exact; beyond, the largest hash kept tells how densely hashes lie, which gives the count with
-- a standard error of 1 / sqrt(1022) = 3.2 %. Two sketches merge into that of their union.
--
-- SECURITY DEFINER functions: none.

create table tocsin_internal.error_buckets (
  project_id text not null,
  minutes smallint not null,
  bucket timestamptz not null,
  workflow_id text not null,
  source tocsin.error_source not null,
  error_type tocsin.error_type not null,
  severity tocsin.severity not null,
  event_count bigint not null,
  primary key (project_id, minutes, bucket, workflow_id, source, error_type, severity)
);

create index error_buckets_minutes_bucket_idx on tocsin_internal.error_buckets (minutes, bucket);

comment on table tocsin_internal.error_buckets is
  'How many errors of each kind happened in each minute (kept 2 days) and in each 15 minutes (kept '
  '180 days). Written by the heart.';
comment on column tocsin_internal.error_buckets.project_id is 'The project; empty: none.';
comment on column tocsin_internal.error_buckets.minutes is 'How long the bucket is: 1 or 15.';
comment on column tocsin_internal.error_buckets.bucket is 'When it begins.';
comment on column tocsin_internal.error_buckets.workflow_id is 'The workflow; empty: none.';
comment on column tocsin_internal.error_buckets.source is 'worker, webhook or system.';
comment on column tocsin_internal.error_buckets.error_type is 'What went wrong.';
comment on column tocsin_internal.error_buckets.severity is 'How bad.';
comment on column tocsin_internal.error_buckets.event_count is 'How many errors: exact.';

create table tocsin_internal.error_reach (
  project_id text not null,
  fingerprint text not null,
  users bigint[] not null,
  runs bigint[] not null,
  workflows bigint[] not null,
  primary key (project_id, fingerprint)
);

comment on table tocsin_internal.error_reach is
  'Whom each group has hurt in all its time, as sketches. Written by the heart.';
comment on column tocsin_internal.error_reach.project_id is 'The project of the group.';
comment on column tocsin_internal.error_reach.fingerprint is 'The fingerprint of the group.';
comment on column tocsin_internal.error_reach.users is 'The sketch of its users.';
comment on column tocsin_internal.error_reach.runs is 'The sketch of its runs.';
comment on column tocsin_internal.error_reach.workflows is 'The sketch of its workflows.';

create table tocsin_internal.error_impact (
  project_id text not null,
  fingerprint text not null,
  workflow_id text not null,
  day date not null,
  event_count bigint not null,
  users bigint[] not null,
  runs bigint[] not null,
  primary key (project_id, fingerprint, workflow_id, day)
);

create index error_impact_project_id_day_idx on tocsin_internal.error_impact (project_id, day);

comment on table tocsin_internal.error_impact is
  'Whom each group hurt on each day (UTC), by workflow. Written by the heart.';
comment on column tocsin_internal.error_impact.project_id is 'The project of the group.';
comment on column tocsin_internal.error_impact.fingerprint is 'The fingerprint of the group.';
comment on column tocsin_internal.error_impact.workflow_id is 'The workflow; empty: none.';
comment on column tocsin_internal.error_impact.day is 'The day in UTC.';
comment on column tocsin_internal.error_impact.event_count is 'How many errors: exact.';
comment on column tocsin_internal.error_impact.users is 'The sketch of the users.';
comment on column tocsin_internal.error_impact.runs is 'The sketch of the runs.';

-- Sketches ----------------------------------------------------------------------------------------

create function tocsin_internal.merge_sketches(p_one bigint[], p_other bigint[]) returns bigint[]
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
  v_sketch bigint[] := coalesce(p_one, '{}');
  v_hash bigint;
  v_place int;
begin
  if p_other is null or p_other = '{}'
    -- full, and nothing in the other is small enough
    or cardinality(v_sketch) = 1024 and p_other[1] >= v_sketch[1024]
  then
    return v_sketch;
  elsif cardinality(p_other) > 4 then
    return array(select distinct h from unnest(v_sketch || p_other) as h order by h limit 1024);
  end if;
  -- a few are put where they belong
  foreach v_hash in array p_other loop
    v_place := width_bucket(v_hash, v_sketch);
    if v_place = 0 or v_sketch[v_place] <> v_hash then
      v_sketch := v_sketch[: v_place] || v_hash || v_sketch[v_place + 1 :];
    end if;
  end loop;
  return v_sketch[: 1024];
end
$$;

comment on function tocsin_internal.merge_sketches(bigint[], bigint[]) is
  'The sketch of the union of two: the 1,024 smallest of their hashes, in order.';

create function tocsin_internal.sketch_hashes(p_hashes bigint[]) returns bigint[]
language plpgsql immutable parallel safe set search_path = ''
as $$
begin
  if p_hashes is null then
    return '{}';
  elsif cardinality(p_hashes) = 1 then
    return p_hashes;
  end if;
  return array(select distinct h from unnest(p_hashes) as h order by h limit 1024);
end
$$;

comment on function tocsin_internal.sketch_hashes(bigint[]) is
  'The sketch of the ids with these hashes.';

create function tocsin_internal.sketch_ids(p_ids text[]) returns bigint[]
language sql immutable parallel safe set search_path = ''
as $$
  select tocsin_internal.sketch_hashes(
    (select array_agg(hashtextextended(id, 0)) from unnest(p_ids) as id where id <> ''))
$$;

comment on function tocsin_internal.sketch_ids(text[]) is
  'The sketch of some ids; null and empty ones do not count.';

create function tocsin_internal.sketch_count(p_sketch bigint[]) returns bigint
language sql immutable parallel safe set search_path = ''
as $$
  select case when cardinality(p_sketch) < 1024 then coalesce(cardinality(p_sketch), 0)
    -- where the 1,024th smallest of n evenly spread hashes lies tells n
    else round(1023 / ((p_sketch[1024]::numeric + 9223372036854775808) / 18446744073709551616))
    end::bigint
$$;

comment on function tocsin_internal.sketch_count(bigint[]) is
  'How many distinct ids a sketch is of: exact up to 1,023, then estimated with a standard error '
  'of '
  '3.2 %.';

-- Counting ----------------------------------------------------------------------------------------

create function tocsin_internal.count_errors(p_errors tocsin.error_metrics[], p_now timestamptz)
returns void
language sql set search_path = ''
as $$
  insert into tocsin_internal.error_buckets as b (project_id, minutes, bucket, workflow_id, source,
    error_type, severity, event_count)
  select e.project_id, g.minutes, date_bin(make_interval(mins => g.minutes), e.timestamp,
    '2000-01-01Z'), e.workflow_id, e.source, e.error_type, e.severity, count(*)
  from unnest(p_errors) as e
  join (values (1::smallint, interval '2 days'), (15::smallint, interval '180 days'))
    as g (minutes, kept) on e.timestamp > p_now - g.kept
  group by 1, 2, 3, 4, 5, 6, 7
  order by 1, 2, 3, 4, 5, 6, 7
  on conflict (project_id, minutes, bucket, workflow_id, source, error_type, severity)
    do update set event_count = b.event_count + excluded.event_count;

  insert into tocsin.error_group_hours as h (project_id, fingerprint, hour, event_count)
  select project_id, fingerprint, date_trunc('hour', timestamp, 'UTC'), count(*)
  from unnest(p_errors)
  where timestamp > p_now - interval '90 days'
  group by 1, 2, 3
  order by 1, 2, 3
  on conflict (project_id, fingerprint, hour)
    do update set event_count = h.event_count + excluded.event_count;

  insert into tocsin_internal.error_impact as i (project_id, fingerprint, workflow_id, day,
    event_count, users, runs)
  select project_id, fingerprint, workflow_id, (timestamp at time zone 'UTC')::date, count(*),
    tocsin_internal.sketch_hashes(
      array_agg(hashtextextended(user_id, 0)) filter (where user_id <> '')),
    tocsin_internal.sketch_hashes(
      array_agg(hashtextextended(source_id || '/' || run_id, 0)) filter (where run_id <> ''))
  from unnest(p_errors)
  where timestamp > p_now - interval '90 days'
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (project_id, fingerprint, workflow_id, day) do update
    set event_count = i.event_count + excluded.event_count,
      users = tocsin_internal.merge_sketches(i.users, excluded.users),
      runs = tocsin_internal.merge_sketches(i.runs, excluded.runs)
$$;

comment on function tocsin_internal.count_errors(tocsin.error_metrics[], timestamptz) is
  'Counts new errors by minute, by hour and by day. What is older than a bucket is kept is not '
  'counted in it.';

create function tocsin_internal.prune_error_counts(p_now timestamptz, p_limit int) returns bigint
language sql set search_path = ''
as $$
  with until as (
    select p_now - tocsin_internal.kept_for('error_groups') as at
  ),
  minutes as (
    delete from tocsin_internal.error_buckets where ctid = any (array(
      select ctid from tocsin_internal.error_buckets
      where minutes = 1 and bucket < p_now - interval '2 days' limit p_limit))
    returning 1
  ),
  quarters as (
    delete from tocsin_internal.error_buckets where ctid = any (array(
      select ctid from tocsin_internal.error_buckets
      where minutes = 15 and bucket < p_now - interval '180 days' limit p_limit))
    returning 1
  ),
  hours as (
    delete from tocsin.error_group_hours where ctid = any (array(
      select h.ctid from tocsin.error_group_hours h, until where h.hour < until.at limit p_limit))
    returning 1
  ),
  days as (
    delete from tocsin_internal.error_impact where ctid = any (array(
      select i.ctid from tocsin_internal.error_impact i, until
      where i.day < until.at::date limit p_limit))
    returning 1
  ),
  groups as (
    delete from tocsin.error_groups where group_id = any (array(
      select g.group_id from tocsin.error_groups g, until
      where g.last_seen_at < until.at limit p_limit))
    returning project_id, fingerprint
  ),
  reach as (
    delete from tocsin_internal.error_reach r using groups g
    where r.project_id = g.project_id and r.fingerprint = g.fingerprint
  )
  select greatest((select count(*) from minutes), (select count(*) from quarters),
    (select count(*) from hours), (select count(*) from days), (select count(*) from groups))
$$;

comment on function tocsin_internal.prune_error_counts(timestamptz, int) is
  'Drops the counts, and the groups that were not seen, that are no longer kept. A step of '
  'maintain().';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin_internal.error_buckets enable row level security;
alter table tocsin_internal.error_reach enable row level security;
alter table tocsin_internal.error_impact enable row level security;

-- what the functions of errors read as their caller
create policy members_see_their_projects_counts on tocsin_internal.error_buckets
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy members_see_their_projects_impact on tocsin_internal.error_impact
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy nobody_reads_it_through_the_api on tocsin_internal.error_reach using (false);

revoke all on tocsin_internal.error_buckets, tocsin_internal.error_reach,
  tocsin_internal.error_impact from public, anon, authenticated, service_role;
grant select on tocsin_internal.error_buckets, tocsin_internal.error_impact
  to authenticated, service_role;

revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.sketch_count(bigint[]) to authenticated, service_role;
