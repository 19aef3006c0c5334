-- Acknowledging: somebody knows, and the alert is neither repeated nor escalated any more. It is
-- resolved when its measure is back, as any other.
--
-- An acknowledgement is a row that an editor adds to the story of the alert, under row-level
-- security; a trigger applies it. So the story says who and when.
--
-- Errors: TC043 (docs/reference/errors.md).
-- SECURITY DEFINER functions: tocsin_internal.apply_acknowledgement() changes tocsin.alerts, which
-- nobody but the heart may write.

create function tocsin_internal.apply_acknowledgement() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  update tocsin.alerts a
  set state = 'acknowledged', acknowledged_at = new.at, acknowledged_by = new.made_by
  where a.alert_id = new.alert_id and a.state = 'firing';
  if not found then
    raise exception 'The alert does not fire any more, or somebody acknowledged it before'
      using errcode = 'TC043', hint = 'Its state is in tocsin.alerts.';
  end if;
  return new;
end
$$;

comment on function tocsin_internal.apply_acknowledgement() is
  'Trigger: an alert that is acknowledged knows by whom. Raises TC043 when it does not fire.';

create trigger alert_transitions_acknowledge before insert on tocsin.alert_transitions
  for each row when (new.transition = 'acknowledged')
  execute function tocsin_internal.apply_acknowledgement();

create policy editors_acknowledge on tocsin.alert_transitions
  for insert to authenticated with check (
    transition = 'acknowledged' and made_by = (select auth.uid())
    and exists (
      select from tocsin.alerts a
      where a.alert_id = alert_transitions.alert_id and (
        (select tocsin_internal.is_operator())
        or a.project_id in (select tocsin.my_project_ids('editor')))
    )
  );

create function tocsin.acknowledge_alert(
  p_alert_id uuid, p_note text default null, p_now timestamptz default clock_timestamp()
) returns void
language plpgsql set search_path = ''
as $$
begin
  if not exists (select from tocsin.alerts where alert_id = p_alert_id) then
    raise exception 'There is no alert % that you may see', p_alert_id using errcode = 'TC043',
      hint = 'select alert_id, title from tocsin.alerts where state = ''firing''';
  end if;
  insert into tocsin.alert_transitions (alert_id, transition, at, note, made_by, made_at)
  values (p_alert_id, 'acknowledged', p_now, left(p_note, 1000), (select auth.uid()), p_now);
exception when insufficient_privilege then
  raise exception 'You may see this alert, but not acknowledge it' using errcode = 'TC043',
    hint = 'Ask an editor of its project, or an operator.';
end
$$;

comment on function tocsin.acknowledge_alert(uuid, text, timestamptz) is
  'Says that somebody knows of an alert that fires: it is not repeated and not escalated any more. '
  'For editors of its project and operators. Raises TC043.';

grant insert on tocsin.alert_transitions to authenticated;
revoke all on all functions in schema tocsin_internal from public;
revoke all on function tocsin.acknowledge_alert(uuid, text, timestamptz)
  from public, anon, service_role;
grant execute on function tocsin.acknowledge_alert(uuid, text, timestamptz) to authenticated;
