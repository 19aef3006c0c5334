-- Takes Tocsin out of this database: its triggers on your tables, its cron jobs, queues, secrets
-- and schemas, with all that it has counted and stored, and the extensions that it brought and that
-- nothing else uses. Your own tables, functions and rows stay as they are.
--
-- It waits at most two seconds for a table that is in use, and then changes nothing: run it again
-- when it is quieter. Where something of yours uses Tocsin, it says what, and changes nothing:
-- TC110.

do $uninstall$
declare
  v_found jsonb;
  v_url text;
  v_users text;
  v_one record;
  v_name text;
begin
  if to_regnamespace('tocsin') is null and to_regnamespace('tocsin_internal') is null then
    return;
  end if;
  perform set_config('lock_timeout', '2s', true);

  -- What of the host's uses Tocsin: by the catalogue, and by the text of functions and jobs, which
  -- the catalogue does not look into.
  with ours as (
    select 'pg_catalog.pg_class'::regclass as classid, oid from pg_catalog.pg_class
    where relnamespace in (to_regnamespace('tocsin'), to_regnamespace('tocsin_internal'))
    union all
    select 'pg_catalog.pg_proc'::regclass, oid from pg_catalog.pg_proc
    where pronamespace in (to_regnamespace('tocsin'), to_regnamespace('tocsin_internal'))
    union all
    select 'pg_catalog.pg_type'::regclass, oid from pg_catalog.pg_type
    where typnamespace in (to_regnamespace('tocsin'), to_regnamespace('tocsin_internal'))
  ),
  dependents as (
    select d.classid, d.objid, d.objsubid, coalesce(
      (select relnamespace from pg_catalog.pg_class where oid = case d.classid
        when 'pg_catalog.pg_class'::regclass then d.objid
        when 'pg_catalog.pg_rewrite'::regclass then (
          select ev_class from pg_catalog.pg_rewrite where oid = d.objid)
        when 'pg_catalog.pg_constraint'::regclass then (
          select conrelid from pg_catalog.pg_constraint where oid = d.objid)
        when 'pg_catalog.pg_attrdef'::regclass then (
          select adrelid from pg_catalog.pg_attrdef where oid = d.objid)
        when 'pg_catalog.pg_policy'::regclass then (
          select polrelid from pg_catalog.pg_policy where oid = d.objid)
        when 'pg_catalog.pg_trigger'::regclass then (
          select tgrelid from pg_catalog.pg_trigger where oid = d.objid)
        end),
      (select pronamespace from pg_catalog.pg_proc
        where d.classid = 'pg_catalog.pg_proc'::regclass and oid = d.objid),
      (select typnamespace from pg_catalog.pg_type
        where d.classid = 'pg_catalog.pg_type'::regclass and oid = d.objid)) as namespace
    from pg_catalog.pg_depend d
    join ours o on o.classid = d.refclassid and o.oid = d.refobjid
    where d.deptype in ('n', 'a')
  )
  select string_agg(distinct name, ', ' order by name) into v_users
  from (
    select pg_catalog.pg_describe_object(classid, objid, objsubid) as name
    from dependents
    where namespace not in (to_regnamespace('tocsin'), to_regnamespace('tocsin_internal'))
      -- these are Tocsin's own, and go below
      and not (classid = 'pg_catalog.pg_trigger'::regclass and exists (
        select from pg_catalog.pg_trigger where oid = objid and tgname like 'tocsin\_%'))
      and not (classid = 'pg_catalog.pg_policy'::regclass and exists (
        select from pg_catalog.pg_policy where oid = objid
          and polname = 'members listen to tocsin of their projects'))
    union all
    select 'function ' || p.oid::regprocedure
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname not in ('tocsin', 'tocsin_internal', 'pg_catalog', 'information_schema')
      and p.prosrc ~ '\mtocsin(_internal)?\.'
  ) as used;
  if v_users is not null then
    raise exception 'Tocsin is still used by: %', v_users using errcode = 'TC110',
      hint = 'Nothing was changed. Drop these, or change them so that they do without it; then '
        'run this again.';
  end if;

  if to_regclass('tocsin_internal.installation') is not null then
    select found_before, functions_url into v_found, v_url from tocsin_internal.installation;
  end if;

  if to_regclass('cron.job') is not null then
    for v_one in select jobid from cron.job where jobname in ('tocsin-heart', 'tocsin-upkeep') loop
      perform cron.unschedule(v_one.jobid);
      delete from cron.job_run_details where jobid = v_one.jobid;
    end loop;
    select string_agg(coalesce(jobname, jobid::text), ', ') into v_users from cron.job
    where command ~ '\mtocsin(_internal)?\.';
    if v_users is not null then
      raise exception 'Tocsin is still used by the cron jobs: %', v_users using errcode = 'TC110',
        hint = 'Nothing was changed. Unschedule them: select cron.unschedule(''<name>''); then run '
          'this again.';
    end if;
  end if;

  -- the host's tables first, always in one order: whoever writes them holds nothing of Tocsin's yet
  for v_one in
    select t.tgrelid::regclass as tbl, t.tgname
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_proc p on p.oid = t.tgfoid
    join pg_catalog.pg_class c on c.oid = t.tgrelid
    where p.pronamespace = to_regnamespace('tocsin_internal') and t.tgparentid = 0
      and c.relnamespace not in (to_regnamespace('tocsin'), to_regnamespace('tocsin_internal'))
    order by t.tgrelid, t.tgname
  loop
    execute format('drop trigger %I on %s', v_one.tgname, v_one.tbl);
  end loop;
  if to_regclass('realtime.messages') is not null then
    execute 'drop policy if exists "members listen to tocsin of their projects" '
      'on realtime.messages';
  end if;
  if to_regclass('pgmq.meta') is not null then
    for v_name in
      select queue_name from pgmq.meta
      where queue_name in ('tocsin_failures', 'tocsin_failures_dlq', 'tocsin_deliveries',
        'tocsin_deliveries_dlq')
    loop
      perform pgmq.drop_queue(v_name);
    end loop;
  end if;
  if to_regclass('net.http_request_queue') is not null then
    delete from net.http_request_queue where url = v_url || '/tocsin-notify';
  end if;
  if to_regclass('vault.secrets') is not null then
    delete from vault.secrets where name like 'tocsin\_%';
  end if;
  -- with the event trigger of tocsin.follow_changes(), whoever made it
  execute 'drop schema if exists tocsin, tocsin_internal cascade';

  -- Extensions that were not there before, unless somebody else has begun to use them.
  for v_one in
    select e.extname, u.schema, u.is_used
    from pg_catalog.pg_extension e
    join (values
      ('pgmq', 'pgmq', 'select exists (select from pgmq.meta)'),
      ('pg_cron', 'cron', 'select exists (select from cron.job)'),
      ('pg_net', 'net', 'select exists (select from net.http_request_queue)')
    ) as u (name, schema, is_used) on u.name = e.extname
    where v_found -> 'extensions' is not null and not v_found -> 'extensions' ? e.extname
      and not exists (
        select from pg_catalog.pg_proc p
        where p.prosrc ~ ('\m' || u.schema || '\.')
          and not exists (
            select from pg_catalog.pg_depend d
            where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid
              and d.deptype = 'e')
          -- the platform's function for webhooks is there before there are any
          and not (p.pronamespace = to_regnamespace('supabase_functions') and not exists (
            select from pg_catalog.pg_trigger where tgfoid = p.oid)))
  loop
    declare
      v_is_used boolean;
    begin
      execute v_one.is_used into v_is_used;
      if not v_is_used then
        execute format('drop extension %I', v_one.extname);
        -- the schema of pgmq is none of its own parts
        if v_one.extname = 'pgmq' and not v_found -> 'schemas' ? 'pgmq' then
          execute 'drop schema if exists pgmq';
        end if;
      end if;
    exception when insufficient_privilege or dependent_objects_still_exist then
      raise notice 'The extension % stays: %', v_one.extname, sqlerrm;
    end;
  end loop;
end
$uninstall$;
