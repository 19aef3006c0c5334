-- What doctor() finds of pg_cron, its jobs, pg_net and its requests.
--
-- A scheduler or a worker that is not running makes other checks fail (the heart does not beat,
-- deliveries wait); it is told beside them, as a warning that says why.
--
-- SECURITY DEFINER functions: none. It reads what only the owner may read: findings() calls it.

create function tocsin_internal.check_watchers(p_now timestamptz)
returns table (check_name text, status text, detail text, hint text)
language plpgsql stable set search_path = ''
as $$
begin
  return query select 'cron scheduler', case h.status when 'ok' then 'ok' else 'warn' end, h.reason,
    case when h.status = 'ok' then null
      when h.is_running then 'alter system set cron.log_run = on; then restart the database.'
      else 'Restart the database: pg_cron begins with it.' end
    from tocsin.platform_health h where h.part = 'pg_cron' and h.status <> 'absent';
  return query select 'webhook worker', case h.status when 'ok' then 'ok' else 'warn' end, h.reason,
    case when h.status <> 'ok' then 'select net.worker_restart();' end
    from tocsin.platform_health h where h.part = 'pg_net' and h.status <> 'absent';
  if tocsin_internal.can_see_cron() then
    return query
      select 'cron jobs', case when count(*) = 0 then 'ok' else 'warn' end,
        case count(*) when 0 then 'None of them fails or is missed.'
          else string_agg(b.line, '; ' order by b.n) filter (where b.n <= 5)
            || case when count(*) > 5 then format('; and %s more', count(*) - 5) else '' end end,
        case when count(*) > 0 then
          'select * from tocsin.cron_health where status in (''failing'', ''missed'');' end
      from (
        select format('%s: %s', h.job_name, left(h.reason, 200)) as line,
          row_number() over (order by h.status desc, h.job_name) as n
        from tocsin.cron_health h where h.status in ('failing', 'missed')
      ) as b;
  elsif tocsin_internal.has_extension('pg_cron') then
    return query select 'cron jobs', 'warn', 'This version of pg_cron has other tables than Tocsin '
      'can read.', 'Update it: alter extension pg_cron update;';
  end if;
  if tocsin_internal.can_see_net() then
    return query
      select 'webhooks', case when count(*) = 0 then 'ok' else 'warn' end,
        case count(*) when 0 then 'None of them fails.'
          else string_agg(b.line, '; ' order by b.n) filter (where b.n <= 5)
            || case when count(*) > 5 then format('; and %s more', count(*) - 5) else '' end end,
        case when count(*) > 0 then
          'select * from tocsin.webhook_health where status = ''failing'';' end
      from (
        select format('%s: %s', h.name, left(h.reason, 200)) as line,
          row_number() over (order by h.name) as n
        from tocsin.webhook_health h where h.status = 'failing'
      ) as b;
  elsif tocsin_internal.has_extension('pg_net') then
    return query select 'webhooks', 'warn', 'This version of pg_net has other tables than Tocsin '
      'can read.', 'Update it: alter extension pg_net update;';
  end if;
end
$$;

comment on function tocsin_internal.check_watchers(timestamptz) is
  'Checks whether pg_cron and pg_net run, and how the jobs and webhooks fare.';

revoke all on all functions in schema tocsin_internal from public;
