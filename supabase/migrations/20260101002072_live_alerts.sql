-- Live alerts: open dashboards are told over Realtime when an alert fires, is acknowledged or is
-- over, each project once a statement. That a value was judged again is no news.
--
-- SECURITY DEFINER functions: none.

create function tocsin_internal.hint_new_alerts() returns trigger
language plpgsql set search_path = ''
as $$
begin
  perform tocsin_internal.hint_projects('alerts', array(
    select distinct n.project_id from new_alerts n))
  where exists (select from new_alerts);
  return null;
end
$$;

comment on function tocsin_internal.hint_new_alerts() is
  'Trigger of alerts: tells open dashboards of alerts that began.';

create function tocsin_internal.hint_changed_alerts() returns trigger
language plpgsql set search_path = ''
as $$
declare
  v_projects constant text[] := array(
    select distinct n.project_id from new_alerts n join old_alerts o on o.alert_id = n.alert_id
    where (n.state, n.is_flapping) is distinct from (o.state, o.is_flapping));
begin
  if v_projects <> '{}' then
    perform tocsin_internal.hint_projects('alerts', v_projects);
  end if;
  return null;
end
$$;

comment on function tocsin_internal.hint_changed_alerts() is
  'Trigger of alerts: tells open dashboards of alerts whose state changed.';

create trigger alerts_hint_new after insert on tocsin.alerts
  referencing new table as new_alerts
  for each statement execute function tocsin_internal.hint_new_alerts();
create trigger alerts_hint_changed after update on tocsin.alerts
  referencing old table as old_alerts new table as new_alerts
  for each statement execute function tocsin_internal.hint_changed_alerts();

revoke all on all functions in schema tocsin_internal from public;
