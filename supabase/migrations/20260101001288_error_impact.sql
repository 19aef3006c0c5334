-- Impact: how many users an error hurt and how many runs it disrupted, by group and by workflow.
-- Ranges are of whole days in UTC. Everything runs as its caller, under the caller's RLS.
--
-- SECURITY DEFINER functions: none.

create function tocsin.error_group_impact(
  p_group_id uuid, p_from timestamptz, p_to timestamptz
) returns table (event_count bigint, user_count bigint, user_count_is_exact boolean,
  run_count bigint, run_count_is_exact boolean, workflow_count bigint)
language sql stable set search_path = ''
as $$
  with impact as materialized (
    select i.* from tocsin.error_groups g
    join tocsin_internal.error_impact i
      on i.project_id = g.project_id and i.fingerprint = g.fingerprint
    where g.group_id = p_group_id and i.day >= (p_from at time zone 'UTC')::date
      and i.day < ((p_to at time zone 'UTC') + interval '1 day' - interval '1 microsecond')::date
  ),
  users as (
    select array(select distinct h from impact, unnest(users) as h order by h limit 1024) as ids
  ),
  runs as (
    select array(select distinct h from impact, unnest(runs) as h order by h limit 1024) as ids
  )
  select (select coalesce(sum(event_count), 0)::bigint from impact),
    tocsin_internal.sketch_count(users.ids), cardinality(users.ids) < 1024,
    tocsin_internal.sketch_count(runs.ids), cardinality(runs.ids) < 1024,
    (select count(distinct workflow_id) from impact where workflow_id <> '')
  from users, runs
$$;

comment on function tocsin.error_group_impact(uuid, timestamptz, timestamptz) is
  'Whom a group hurt on the days (UTC) that a range touches: errors, distinct users and disrupted '
  'runs, workflows. Users and runs are exact up to 1,023; beyond, estimated with a standard error '
  'of 3.2 %, and is_exact is false. As the caller, under RLS.';

create function tocsin.workflow_disruption(
  p_from timestamptz, p_to timestamptz, p_project_id text default null, p_limit int default 20
) returns table (project_id text, workflow_id text, disrupted_run_count bigint,
  run_count_is_exact boolean, affected_user_count bigint, user_count_is_exact boolean,
  event_count bigint, group_count bigint, worst_group_id uuid, worst_group_title text)
language sql stable set search_path = ''
as $$
  with impact as materialized (
    select * from tocsin_internal.error_impact i
    where i.day >= (p_from at time zone 'UTC')::date
      and i.day < ((p_to at time zone 'UTC') + interval '1 day' - interval '1 microsecond')::date
      and i.workflow_id <> '' and (p_project_id is null or i.project_id = p_project_id)
  ),
  workflow as (
    select i.project_id, i.workflow_id, sum(i.event_count)::bigint as event_count,
      count(distinct i.fingerprint) as group_count
    from impact i group by 1, 2
  ),
  run_ids as (
    select i.project_id, i.workflow_id, (array_agg(distinct h order by h))[: 1024] as ids
    from impact i, unnest(i.runs) as h group by 1, 2
  ),
  user_ids as (
    select i.project_id, i.workflow_id, (array_agg(distinct h order by h))[: 1024] as ids
    from impact i, unnest(i.users) as h group by 1, 2
  ),
  worst as (
    select distinct on (i.project_id, i.workflow_id) i.project_id, i.workflow_id, i.fingerprint
    from (
      select project_id, workflow_id, fingerprint, sum(event_count) as n from impact
      group by 1, 2, 3
    ) as i
    order by i.project_id, i.workflow_id, i.n desc, i.fingerprint
  )
  select w.project_id, w.workflow_id, coalesce(tocsin_internal.sketch_count(r.ids), 0),
    coalesce(cardinality(r.ids), 0) < 1024, coalesce(tocsin_internal.sketch_count(u.ids), 0),
    coalesce(cardinality(u.ids), 0) < 1024, w.event_count, w.group_count, g.group_id, g.title
  from workflow w
  left join run_ids r using (project_id, workflow_id)
  left join user_ids u using (project_id, workflow_id)
  left join worst using (project_id, workflow_id)
  left join tocsin.error_groups g
    on g.project_id = w.project_id and g.fingerprint = worst.fingerprint
  order by 3 desc, 7 desc, 1, 2
  limit greatest(1, least(p_limit, 1000))
$$;

comment on function tocsin.workflow_disruption(timestamptz, timestamptz, text, int) is
  'Workflows by how much errors disrupted them on the days (UTC) that a range touches: the one '
  'with the most disrupted runs first. Runs and users are exact up to 1,023, then estimated with a '
  'standard error of 3.2 %. worst_group is the group with the most errors. As the caller, under '
  'RLS.';

revoke all on function tocsin.error_group_impact(uuid, timestamptz, timestamptz),
  tocsin.workflow_disruption(timestamptz, timestamptz, text, int) from public, anon;
grant execute on function tocsin.error_group_impact(uuid, timestamptz, timestamptz),
  tocsin.workflow_disruption(timestamptz, timestamptz, text, int) to authenticated, service_role;
