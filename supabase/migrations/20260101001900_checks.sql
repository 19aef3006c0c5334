-- Checks: what tocsin.doctor() looks at. Each check gives one row, or one for each thing it looks
-- at, and each finding has the command that mends it. Where one step was left out, the check of
-- that step fails, and those that depend on it only warn.
--
-- Here: the platform, and the schedule. Then: sending (20260101001905), what is watched
-- (20260101001940), and forwarding.
--
-- SECURITY DEFINER functions: none. They read what only the owner may read: findings() calls them.

create function tocsin_internal.older_version(p_version text, p_least text) returns boolean
language sql immutable set search_path = ''
as $$
  select array(select substring(part from '^\d+')::int from unnest(string_to_array(p_version, '.'))
      as part) < string_to_array(p_least, '.')::int[]
$$;

comment on function tocsin_internal.older_version(text, text) is
  'Whether a version (1.4.4) is older than the least that will do.';

create function tocsin_internal.judge_transit(p_has_ssl boolean, p_url text, p_plain_clients bigint)
returns table (check_name text, status text, detail text, hint text)
language sql immutable set search_path = ''
as $$
  select 'encryption in transit',
    case when is_local then 'ok' when not p_has_ssl or p_plain_clients > 0 or is_plain then 'warn'
      else 'ok' end,
    case when is_local then 'A local stack: nothing leaves this machine.'
      when is_plain then 'The functions url is http: the doorbell''s token travels in the clear.'
      when not p_has_ssl then 'The server has ssl off: whoever connects does so in the clear.'
      when p_plain_clients > 0 then
        format('%s connections from outside are not encrypted.', p_plain_clients)
      else 'ssl is on, and nobody from outside is connected without it.' end,
    case when is_local then null
      when is_plain then
        format('select tocsin.setup(%L);', regexp_replace(p_url, '^http:', 'https:'))
      when not p_has_ssl then 'alter system set ssl = on; with a certificate, then reload. On '
        'Supabase it is on.'
      when p_plain_clients > 0 then
        'supabase ssl-enforcement update --enable-db-ssl-enforcement --experimental' end
  from (select
    coalesce(p_url ~ '^http://(localhost|127\.|\[::1\]|host\.docker\.internal|kong\M|[^/.:]+:)',
      false) as is_local,
    coalesce(p_url ~ '^http:', false) as is_plain) as u
$$;

comment on function tocsin_internal.judge_transit(boolean, text, bigint) is
  'The finding about encryption in transit: ssl of the server, the functions'' address, and how '
  'many connections come from outside without encryption.';

create function tocsin_internal.count_plain_clients() returns bigint
language sql stable set search_path = ''
as $$
  -- the platform's own parts come from private addresses
  select count(*) from pg_catalog.pg_stat_activity a join pg_catalog.pg_stat_ssl s using (pid)
  where not s.ssl and a.datname = current_database() and a.client_addr is not null
    and not (a.client_addr << any (array['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12',
      '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10', '::1/127', 'fc00::/7',
      'fe80::/10']::inet[]))
$$;

comment on function tocsin_internal.count_plain_clients() is
  'How many connections come from public addresses without encryption.';

create function tocsin_internal.check_platform(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  v_extension record;
  v_queue text;
begin
  for v_extension in
    select wanted.name, wanted.least, e.extversion,
      tocsin_internal.older_version(e.extversion, wanted.least) as is_old
    from (values ('pgmq', '1.4.4'), ('pg_cron', '1.4'), ('pg_net', '0.7'),
      ('supabase_vault', '0.2')) as wanted (name, least)
    left join pg_catalog.pg_extension e on e.extname = wanted.name
  loop
    return query select 'extension ' || v_extension.name,
      case when v_extension.extversion is null then 'fail' when v_extension.is_old then 'warn'
        else 'ok' end,
      case when v_extension.extversion is null then 'It is not installed.'
        when v_extension.is_old then format('Version %s; Tocsin is made for %s or later.',
          v_extension.extversion, v_extension.least)
        else 'Version ' || v_extension.extversion end,
      case when v_extension.extversion is null then
        'Enable it under Database > Extensions, then run: select tocsin.setup();'
      when v_extension.is_old then format('alter extension %I update; if that brings '
        'nothing newer, upgrade the project under Project Settings > Infrastructure.',
        v_extension.name) end;
  end loop;

  select string_agg(name, ', ') into v_queue
  from unnest(array['tocsin_failures', 'tocsin_failures_dlq', 'tocsin_deliveries',
                    'tocsin_deliveries_dlq']) as name
  where to_regclass('pgmq.q_' || name) is null;
  return query select 'queues', case when v_queue is null then 'ok' else 'fail' end,
    coalesce('Missing: ' || v_queue, 'All four are there.'),
    case when v_queue is not null then 'select tocsin.setup();' end;

  return query select t.* from tocsin_internal.judge_transit(
    current_setting('ssl')::boolean,
    (select functions_url from tocsin_internal.installation),
    tocsin_internal.count_plain_clients()) as t;
end
$$;

comment on function tocsin_internal.check_platform(timestamptz) is
  'Checks the extensions, the queues and the encryption of connections.';

create function tocsin_internal.check_job(p_name text, p_command text)
returns table (check_name text, status text, detail text, hint text)
language sql stable set search_path = ''
as $$
  select what, case when is_well then 'ok' else 'fail' end,
    case when jobid is null then format('pg_cron has no job %s.', p_name)
      when not active then format('The job %s is switched off.', p_name)
      when command <> p_command then format('The job %s runs an old command.', p_name)
      else 'Job ' || jobid end,
    case when not is_well then 'select tocsin.setup();' end
  from (
    select replace(p_name, 'tocsin-', '') || ' is scheduled' as what, j.jobid, j.active, j.command,
      coalesce(j.active and j.command = p_command, false) as is_well
    from (select) as one left join cron.job j on j.jobname = p_name
  ) as job
$$;

comment on function tocsin_internal.check_job(text, text) is
  'Whether a job of Tocsin''s is scheduled, switched on and up to date.';

create function tocsin_internal.check_schedule(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
declare
  v_has_cron constant boolean := tocsin_internal.has_extension('pg_cron');
  v_heart record;
  v_upkeep record;
  v_said text;
  v_beat timestamptz;
  v_kept timestamptz;
  v_fault tocsin_internal.stage_faults;
  v_count bigint;
begin
  if v_has_cron then
    select * into v_heart
    from tocsin_internal.check_job('tocsin-heart', tocsin_internal.beat_command());
    select * into v_upkeep
    from tocsin_internal.check_job('tocsin-upkeep', tocsin_internal.upkeep_command());
    return query values (v_heart.check_name, v_heart.status, v_heart.detail, v_heart.hint),
      (v_upkeep.check_name, v_upkeep.status, v_upkeep.detail, v_upkeep.hint);
    -- by its only index, so not further back than a while
    select left(d.return_message, 300) into v_said
    from (select * from cron.job_run_details order by runid desc limit 500) as d
    join cron.job j on j.jobid = d.jobid and j.jobname = 'tocsin-heart'
    order by d.runid desc limit 1;
  end if;

  select coalesce(max(s.last_run_at) filter (where s.stage = any (tocsin_internal.stage_names())),
      i.installed_at),
    coalesce(max(s.last_run_at) filter (where s.stage = 'maintain'), i.installed_at)
  into v_beat, v_kept
  from tocsin_internal.installation i left join tocsin_internal.stages s on true
  group by i.installed_at;
  return query select 'heart beats',
    case when v_beat > p_now - interval '1 minute' then 'ok'
      when v_has_cron and v_heart.status = 'ok' then 'fail' else 'warn' end,
    concat_ws('; ', format('Last beat %s UTC',
        to_char(v_beat at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
      case when v_beat <= p_now - interval '1 minute' then 'its job said: ' || v_said end),
    case when v_beat > p_now - interval '1 minute' then null
      when v_has_cron and v_heart.status = 'ok' then
        'select * from cron.job_run_details order by runid desc limit 5; '
        'if there is nothing new, restart the database: its scheduler has stopped.'
      else 'It follows from the checks above.' end;

  return query select 'retention runs',
    case when v_kept > p_now - interval '3 hours' then 'ok'
      when v_has_cron and v_upkeep.status = 'ok' and v_beat > p_now - interval '1 minute'
        then 'fail'
      else 'warn' end,
    format('What is over was last dropped at %s UTC',
      to_char(v_kept at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
    case when v_kept > p_now - interval '3 hours' then null
      when v_has_cron and v_upkeep.status = 'ok' and v_beat > p_now - interval '1 minute' then
        'select tocsin_internal.maintain(); why its job did not, is in cron.job_run_details.'
      else 'It follows from the checks above.' end;

  select * into v_fault from tocsin_internal.stage_faults f
  where f.happened_at > p_now - interval '1 hour' order by f.fault_id desc limit 1;
  return query select 'no faults', case when v_fault.fault_id is null then 'ok' else 'warn' end,
    coalesce('Within the hour, the last in ' || v_fault.stage || ': ' || v_fault.message,
      'None within the hour.'),
    case when v_fault.fault_id is not null then
      'select * from tocsin_internal.stage_faults order by fault_id desc;' end;

  if to_regclass('pgmq.q_tocsin_failures_dlq') is not null then
    select count(*) into v_count from (
      select from pgmq.q_tocsin_failures_dlq limit 1000) as letters;
    return query select 'no dead letters', case when v_count = 0 then 'ok' else 'warn' end,
      format('%s failures could not be ingested.', v_count),
      case when v_count > 0 then 'select msg_id, message from pgmq.q_tocsin_failures_dlq; and when '
        'you have seen them: select pgmq.purge_queue(''tocsin_failures_dlq'');' end;
  end if;

  select count(*) into v_count from (
    select from tocsin.unaccounted_events u
    where u.event_at between p_now - interval '1 day' and p_now - interval '1 minute' limit 1000
  ) as missing;
  return query select 'every event is accounted for',
    case when v_count = 0 then 'ok' else 'fail' end,
    case when v_count = 0 then 'Each failure and alert of the last day has its decision.'
      else format('%s without a decision, or with one that leads nowhere.', v_count) end,
    case when v_count > 0 then 'select * from tocsin.unaccounted_events; that never happens by '
      'itself: please report it, with the rows of tocsin_internal.stage_faults.' end;
end
$$;

comment on function tocsin_internal.check_schedule(timestamptz) is
  'Checks the jobs, the heart, the upkeep, and that nothing was lost on the way.';

revoke all on all functions in schema tocsin_internal from public;
