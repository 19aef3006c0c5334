-- Following at once: an event trigger that watches a changed table again in the transaction that
-- changes it. Optional, since it takes part in the host's own migrations; whatever goes wrong in it
-- is a warning, and doctor() goes on saying what to do.
--
-- Errors: TC111 (docs/reference/errors.md).
-- SECURITY DEFINER functions:
--   tocsin_internal.follow_changes()  watches again as the owner of the watch, whoever alters the
--                                     table; takes nothing from its caller

create function tocsin_internal.follow_changes() returns event_trigger
language plpgsql security definer set search_path = ''
as $$
declare
  v_source record;
begin
  -- to watch again alters tables as well
  if current_setting('tocsin.is_following', true) = 'yes' then
    return;
  end if;
  begin
    -- what has nothing to do with a watched table, such as a temporary one, waits for none
    if not exists (
      select from pg_event_trigger_ddl_commands() as d
      where d.command_tag = 'ALTER TYPE'
        or d.object_identity in (select w.table_name from tocsin_internal.watched_tables w)
        or d.objid in (select s.run_table from tocsin.run_sources s
          union all select s.event_table from tocsin.error_sources s)
        or exists (
          select from pg_catalog.pg_trigger t
          join pg_catalog.pg_proc p on p.oid = t.tgfoid
            and p.pronamespace = to_regnamespace('tocsin_internal')
          where t.tgrelid = d.objid))
    then
      return;
    end if;
    perform set_config('tocsin.is_following', 'yes', true);
    for v_source in
      select 'runs' as kind, s.source_id, s.run_table as tbl from tocsin.run_sources s
      cross join lateral tocsin_internal.check_source(s) as c
      where c.status <> 'ok'
      union all
      select 'errors', s.source_id, s.event_table from tocsin.error_sources s
      cross join lateral tocsin_internal.check_error_source(s) as c
      where c.status <> 'ok'
    loop
      begin
        execute format('select tocsin_internal.%I($1)',
          case v_source.kind when 'runs' then 'watch_runs_again' else 'watch_errors_again' end)
          using v_source.source_id;
      exception when others then
        raise warning 'Tocsin could not follow the change of %: %', v_source.tbl, sqlerrm
          using hint = 'Your own statement is not affected. See: select * from tocsin.doctor();';
      end;
    end loop;
    perform set_config('tocsin.is_following', 'no', true);
  exception when others then
    raise warning 'Tocsin could not look for changes of watched tables: %', sqlerrm
      using hint = 'Your own statement is not affected. See: select * from tocsin.doctor();';
  end;
end
$$;

comment on function tocsin_internal.follow_changes() is
  'Event trigger: watches changed tables again, in the transaction that changes them. Cannot fail.';

create function tocsin.follow_changes(p_is_on boolean default true) returns boolean
language plpgsql set search_path = ''
as $$
begin
  drop event trigger if exists tocsin_follow_changes;
  if p_is_on then
    create event trigger tocsin_follow_changes on ddl_command_end
      when tag in ('ALTER TABLE', 'ALTER TYPE', 'CREATE TABLE')
      execute function tocsin_internal.follow_changes();
  end if;
  return p_is_on;
exception when insufficient_privilege then
  raise exception 'This role may make no event trigger: %', current_user
    using errcode = 'TC111', hint = 'Nothing was changed, and nothing is lost: runs go on being '
      'counted, and after a change of a watched table, run: select tocsin.setup();';
end
$$;

comment on function tocsin.follow_changes(boolean) is
  'Turns on, or off, that watched tables are watched again at once when they are altered, in the '
  'same transaction. Else select tocsin.setup() does it afterwards. Raises TC111 where the role '
  'may make no event trigger.';

revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.follow_changes(boolean)
  from public, anon, authenticated, service_role;
