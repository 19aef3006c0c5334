-- Finding long runs: the stage of the heart that looks for runs that do not end, and tells of each
-- that is stuck, once, as a failure event of the type timeout.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.keep_long_runs(
  p_source tocsin.run_sources, p_runs tocsin_internal.seen_run[], p_now timestamptz
) returns void
language sql set search_path = ''
as $$
  insert into tocsin_internal.long_runs as l
    (source_id, run_id, project_id, workflow_id, started_at, running_since)
  select p_source.source_id, r.run_id, r.project_id, r.workflow_id, r.started_at,
    case when not coalesce(p_source.mapping -> 'idle', '[]') ? r.status then r.started_at end
  from unnest(p_runs) as r
  where r.status is not null and tocsin_internal.outcome_of(p_source.mapping, r.status) is null
    and isfinite(r.started_at) and length(r.run_id) <= 500
    -- another table told that it failed; its own row goes on saying that it runs
    and not exists (
      select from tocsin_internal.counted_runs k
      where k.source_id = p_source.source_id and k.run_id = r.run_id)
  on conflict (source_id, run_id) do update
    set ended_at = null, started_at = excluded.started_at,
      running_since = case when excluded.started_at >= l.ended_at then excluded.running_since
        else p_now end,
      -- started again it may be stuck again
      told_at = case when excluded.started_at < l.ended_at then l.told_at end
    where l.ended_at is not null
$$;

comment on function tocsin_internal.keep_long_runs(tocsin.run_sources, tocsin_internal.seen_run[],
  timestamptz) is
  'Keeps those of the runs that are open. One that had ended runs anew.';

create function tocsin_internal.follow_long_runs(p_source tocsin.run_sources, p_now timestamptz)
returns void
language plpgsql set search_path = ''
as $$
declare
  v_ids constant text[] := array(
    select l.run_id from tocsin_internal.long_runs l
    where l.source_id = p_source.source_id and l.ended_at is null);
  v_runs tocsin_internal.seen_run[];
begin
  if v_ids = '{}' then
    return;
  end if;
  v_runs := tocsin_internal.look_by_id(p_source, v_ids);

  update tocsin_internal.long_runs l
  set ended_at = case
      when r.run_id is not null and k.run_id is null
        and tocsin_internal.outcome_of(p_source.mapping, r.status) is null then null
      when r.finished_at between l.started_at and p_now then r.finished_at
      else p_now end,
    running_since = case
      when r.status is null or coalesce(p_source.mapping -> 'idle', '[]') ? r.status then
        -- how long it ran stays known when it has ended
        case when r.run_id is null then l.running_since end
      when n.is_anew then r.started_at
      else coalesce(l.running_since, p_now) end,
    started_at = case when n.is_anew then r.started_at else l.started_at end,
    told_at = case when not n.is_anew then l.told_at end
  from unnest(v_ids) as i (run_id)
  left join unnest(v_runs) as r on r.run_id = i.run_id
  left join tocsin_internal.counted_runs k
    on k.source_id = p_source.source_id and k.run_id = i.run_id
  left join tocsin_internal.long_runs o
    on o.source_id = p_source.source_id and o.run_id = i.run_id
  -- it ended and was started again between two looks
  cross join lateral (
    select coalesce(r.started_at > o.started_at and isfinite(r.started_at) and k.run_id is null
      and tocsin_internal.outcome_of(p_source.mapping, r.status) is null, false) as is_anew
  ) as n
  where l.source_id = p_source.source_id and l.run_id = i.run_id and (
    r.run_id is null or k.run_id is not null or r.status is null or n.is_anew
    or tocsin_internal.outcome_of(p_source.mapping, r.status) is not null
    or (l.running_since is null) <> (coalesce(p_source.mapping -> 'idle', '[]') ? r.status));
end
$$;

comment on function tocsin_internal.follow_long_runs(tocsin.run_sources, timestamptz) is
  'Asks how the long runs of a source stand: which have ended, which are idle or go on.';

create function tocsin_internal.tell_stuck_runs(p_source tocsin.run_sources, p_now timestamptz)
returns void
language plpgsql set search_path = ''
as $$
begin
  with stuck as (
    update tocsin_internal.long_runs l
    set told_at = p_now
    from (
      select o.run_id, coalesce(w.max_duration,
        (p_source.mapping ->> 'stuck_after')::interval) as limit_of_it
      from tocsin_internal.long_runs o
      left join tocsin.workflow_settings w
        on w.project_id = o.project_id and w.workflow_id = o.workflow_id
      where o.source_id = p_source.source_id and o.ended_at is null and o.told_at is null
    ) as s
    where l.source_id = p_source.source_id and l.run_id = s.run_id
      and l.running_since + s.limit_of_it <= p_now
    returning l.*, s.limit_of_it
  )
  insert into tocsin_internal.reported_errors (is_seen, is_redacted, error_id, timestamp, origin,
    source, error_type, project_id, workflow_id, workflow_name, source_id, run_id, environment,
    message)
  select true, true, gen_random_uuid(), s.running_since + s.limit_of_it, 'stuck', 'worker',
    'timeout', s.project_id, s.workflow_id,
    nullif(tocsin_internal.name_of_workflow(s.source_id, s.workflow_id), s.workflow_id),
    s.source_id, s.run_id, left(p_source.mapping ->> 'environment', 100),
    'Still running after ' || tocsin_internal.say_interval(s.limit_of_it)
  from stuck s order by s.running_since, s.run_id;
end
$$;

comment on function tocsin_internal.tell_stuck_runs(tocsin.run_sources, timestamptz) is
  'Reports each run that has been running for longer than its workflow or its source allows as an '
  'error of the type timeout, once.';

create function tocsin_internal.search_source(
  p_source tocsin.run_sources, p_long_after interval, p_now timestamptz
) returns bigint
language plpgsql set search_path = '' set lock_timeout = '100ms'
as $$
declare
  v_until constant timestamptz := clock_timestamp() + interval '200 milliseconds';
  v_oldest constant timestamptz := greatest(p_source.watched_at, p_now - interval '30 days');
  v_of_age constant timestamptz := p_now - p_long_after;
  s tocsin_internal.run_searches;
  v_is_minute boolean;
  v_look record;
  v_count bigint;
begin
  select * into s from tocsin_internal.run_searches where source_id = p_source.source_id;
  v_is_minute := s.looked_at is null
    or date_trunc('minute', s.looked_at) <> date_trunc('minute', p_now);
  if not v_is_minute and s.sweep_table is null
    -- a table that is far behind, as when somebody has only begun to ask, catches up at each beat
    and not (s.way = 'index' and s.looked_until < v_of_age - interval '1 minute')
  then
    return 0;
  end if;
  s.source_id := p_source.source_id;
  s.looked_until := greatest(s.looked_until, v_oldest);
  s.sweep_page := coalesce(s.sweep_page, 0);
  if v_is_minute then
    s.looked_at := p_now;
    s.way := tocsin_internal.way_to_search(p_source);
    if s.way = 'sweep' and s.sweep_table is null
      and (s.sweep_began_at is null or s.sweep_began_at <= p_now - interval '5 minutes')
    then
      s.sweep_began_at := p_now;
      s.sweep_table := 0;
    end if;
    if s.way <> 'none' then
      perform tocsin_internal.follow_long_runs(p_source, p_now);
    end if;
  end if;
  -- so many are open that more of them tell nothing new
  select count(*) into v_count from tocsin_internal.long_runs l
  where l.source_id = p_source.source_id and l.ended_at is null;

  if v_count >= 10000 then
    s.sweep_table := null;
  elsif s.way = 'index' then
    s.sweep_table := null;
    while s.looked_until < v_of_age and clock_timestamp() < v_until loop
      select * into v_look
      from tocsin_internal.look_by_index(p_source, s.looked_until, v_of_age);
      perform tocsin_internal.keep_long_runs(p_source, v_look.runs, p_now);
      s.looked_until := case when v_look.is_done then v_of_age else v_look.until end;
    end loop;
  elsif s.sweep_table is not null then
    perform tocsin_internal.keep_long_runs(p_source, tocsin_internal.look_by_page(p_source,
      t.relid, case when t.relid = s.sweep_table then s.sweep_page else 0 end, v_oldest,
      v_of_age), p_now)
    from tocsin_internal.sweep_at(p_source.run_table, s.sweep_table, s.sweep_page) as t;
    select t.relid, t.page + 1000 into s.sweep_table, s.sweep_page
    from tocsin_internal.sweep_at(p_source.run_table, s.sweep_table, s.sweep_page) as t;
    s.sweep_page := coalesce(s.sweep_page, 0);
  end if;
  perform tocsin_internal.tell_stuck_runs(p_source, p_now);

  insert into tocsin_internal.run_searches select s.*
  on conflict (source_id) do update
    set way = excluded.way, looked_at = excluded.looked_at, looked_until = excluded.looked_until,
      sweep_began_at = excluded.sweep_began_at, sweep_table = excluded.sweep_table,
      sweep_page = excluded.sweep_page;
  return 1;
end
$$;

comment on function tocsin_internal.search_source(tocsin.run_sources, interval, timestamptz) is
  'Looks for runs of a source that are older than p_long_after and still open, as far as it is due '
  'and bounded. Returns 1 when it looked, else 0.';

create function tocsin_internal.sweep_at(p_table regclass, p_at oid, p_page bigint)
returns table (relid regclass, page bigint)
language sql stable set search_path = ''
as $$
  select c.oid::regclass, case when c.oid = p_at then p_page else 0 end
  from pg_catalog.pg_class c
  where c.relkind = 'r'
    and (c.oid = p_table or c.oid in (select relid from pg_catalog.pg_partition_tree(p_table)))
    and (c.oid > p_at or c.oid = p_at
      and p_page < pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::bigint)
  order by c.oid limit 1
$$;

comment on function tocsin_internal.sweep_at(regclass, oid, bigint) is
  'The table or partition, and the page, at which a sweep goes on; no row: it is done.';

create function tocsin_internal.find_long_runs(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql set search_path = '' set jit = off
as $$
declare
  v_until constant timestamptz := clock_timestamp() + interval '1 second';
  v_source tocsin.run_sources;
  v_long_after interval;
  v_count bigint := 0;
begin
  for v_source in
    select s.* from tocsin.run_sources s
    left join tocsin_internal.run_searches r on r.source_id = s.source_id
    order by r.looked_at nulls first, s.source_id
  loop
    -- the locks of all tables are held until the end
    exit when clock_timestamp() > v_until;
    v_long_after := tocsin_internal.long_after(v_source);
    continue when v_long_after is null;
    begin
      v_count := v_count + tocsin_internal.search_source(v_source, v_long_after, p_now);
    exception when others then
      -- the host changed its table, or is just about to: the next look is in a minute
      perform tocsin_internal.record_fault('find_long_runs', sqlstate, sqlerrm,
        v_source.source_id, p_now);
      insert into tocsin_internal.run_searches (source_id, way, looked_at, looked_until)
      values (v_source.source_id, 'none', p_now, v_source.watched_at)
      on conflict (source_id) do update set looked_at = p_now, sweep_table = null, way = 'none';
    end;
  end loop;
  return v_count;
end
$$;

comment on function tocsin_internal.find_long_runs(timestamptz) is
  'Looks for runs that do not end, in each watched table of which somebody asks it, and tells of '
  'those that are stuck. Of many tables, those first that have waited longest, for a second. A '
  'stage of the heart. Returns at how many tables it looked.';

create function tocsin_internal.say_search(p_source_id text) returns text
language sql stable set search_path = ''
as $$
  select case s.way when 'index' then 'long runs are found by the index on their start times'
      when 'sweep' then 'long runs are looked for page by page: no index is on their start times'
      else 'long runs are not found: no start time is known, or no index is on the run''s id' end
  from tocsin_internal.run_searches s where s.source_id = p_source_id
$$;

comment on function tocsin_internal.say_search(text) is
  'How long runs of a source are found, in words; null: nobody asks for them.';

create function tocsin_internal.prune_long_runs(p_now timestamptz, p_limit int) returns bigint
language plpgsql set search_path = ''
as $$
declare
  v_count bigint;
begin
  -- one that is open after so long is not waited for any more
  delete from tocsin_internal.long_runs where ctid = any (array(
    select ctid from tocsin_internal.long_runs
    where ended_at < p_now - interval '35 days' or started_at < p_now - interval '65 days'
    limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function tocsin_internal.prune_long_runs(timestamptz, int) is
  'Drops long runs 35 days after their end. A step of maintain().';

alter table tocsin_internal.long_runs enable row level security;
alter table tocsin_internal.run_searches enable row level security;
-- a backtest of run_stuck reads as its caller
create policy members_see_their_projects_long_runs on tocsin_internal.long_runs
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids())
  );
create policy nobody_reads_it_through_the_api on tocsin_internal.run_searches using (false);
revoke all on tocsin_internal.long_runs, tocsin_internal.run_searches
  from public, anon, authenticated, service_role;
grant select on tocsin_internal.long_runs to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
