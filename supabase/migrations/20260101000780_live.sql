-- Live: hints over Realtime that something of a project has changed, so that an open dashboard asks
-- again at once. One hint a project and beat, never one a row; whoever misses one finds out at the
-- next look. Where there is no Realtime, nothing happens.
--
-- Topics are private: tocsin:project:<project_id>, and tocsin:operators for what belongs to none.
-- The event is the kind of what changed (runs, errors, alerts, queues); the payload is
-- {"project_id", "at"}.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.hint_projects(
  p_kind text, p_project_ids text[], p_now timestamptz default clock_timestamp()
) returns int
language plpgsql set search_path = ''
as $$
declare
  v_send regproc;
  v_count int;
begin
  -- To call it is to run what its owner wrote, as the heart: not for a role that is less, where any
  -- may make a schema of this name. Those that Realtime has on Supabase are known.
  select p.oid::regproc into v_send
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_roles r on r.oid in (p.proowner, n.nspowner)
  where p.oid = to_regprocedure('realtime.send(jsonb, text, text, boolean)')
  group by p.oid
  having bool_and(r.rolsuper or r.rolname in ('supabase_admin', 'supabase_realtime_admin')
    or pg_catalog.pg_has_role(r.oid, current_user, 'member')
    or pg_catalog.pg_has_role(current_user, r.oid, 'usage'));
  if v_send is null then
    return 0;
  end if;
  -- a hint is not worth more than a moment: in a storm over many projects, dashboards ask by
  -- themselves
  execute format($send$
    select count(%s(jsonb_build_object('project_id', project_id, 'at', $1), $2,
      case project_id when '' then 'tocsin:operators' else 'tocsin:project:' || project_id end,
      true))
    from (select distinct project_id from unnest($3) as project_id limit 500) as hinted
  $send$, v_send) into v_count using p_now, p_kind, p_project_ids;
  return v_count;
exception when others then
  perform tocsin_internal.record_fault('hint_projects', sqlstate, sqlerrm, p_kind);
  return 0;
end
$$;

comment on function tocsin_internal.hint_projects(text, text[], timestamptz) is
  'Tells open dashboards over Realtime that something of these projects changed. Returns how many '
  'it told: 500 at most. Cannot fail.';

create function tocsin_internal.ensure_live_policy() returns void
language plpgsql set search_path = ''
as $$
begin
  if to_regclass('realtime.messages') is null or to_regprocedure('realtime.topic()') is null
    or exists (select from pg_catalog.pg_policy
      where polrelid = to_regclass('realtime.messages')
        and polname = 'members listen to tocsin of their projects')
  then
    return;
  end if;
  create policy "members listen to tocsin of their projects" on realtime.messages
    for select to authenticated using (
      extension = 'broadcast' and (
        ((select realtime.topic()) like 'tocsin:%' and (select tocsin_internal.is_operator()))
        or ((select realtime.topic()) like 'tocsin:project:%'
          and substr((select realtime.topic()), 16) in (select tocsin.my_project_ids()))
      )
    );
exception when insufficient_privilege or undefined_column then
  perform tocsin_internal.record_fault('ensure_live_policy', sqlstate, sqlerrm,
    'Dashboards will ask each few seconds instead of being told.');
end
$$;

comment on function tocsin_internal.ensure_live_policy() is
  'Lets members listen to the private topics of their own projects, where there is Realtime.';

select tocsin_internal.ensure_live_policy();

revoke all on all functions in schema tocsin_internal from public;
