begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

insert into tocsin.alert_channels (name, kind, recipients)
select name, 'email', '{a@b.test}' from unnest(array['on call', 'second', 'boss']) as name;
insert into tocsin.alert_kinds (kind, family, title, description, evaluator, fired_title,
  resolved_title) values ('toy', 'measure', 'Toy', 'x', 'x', 'x', 'x');
insert into tocsin.alert_settings (name, kind, group_wait) values ('rate', 'toy', '0');
insert into tocsin.alert_setting_channels (setting_id, channel_id, after_interval)
select setting_id, channel_id, case c.name when 'on call' then interval '0'
  when 'second' then '15 minutes' else '1 hour' end
from tocsin.alert_settings, tocsin.alert_channels c;
create function pg_temp.turn(p_what text, p_now timestamptz, p_workflow text default 'w',
  p_severity tocsin.severity default 'high') returns void
language plpgsql as $$
declare
  v_alert tocsin.alerts;
begin
  if p_what = 'fired' then
    insert into tocsin.alerts (setting_id, setting_name, kind, project_id, workflow_id, severity,
      state, pending_since, fired_at, judged_at, title)
    select setting_id, name, kind, 'p', p_workflow, p_severity, 'firing', p_now, p_now, p_now,
      'Rate of ' || p_workflow
    from tocsin.alert_settings;
  else
    update tocsin.alerts set state = 'resolved', resolved_at = p_now
    where workflow_id = p_workflow and state <> 'resolved';
  end if;
  select * into v_alert from tocsin.alerts where workflow_id = p_workflow
  order by fired_at desc limit 1;
  perform tocsin_internal.admit_occurrences(array[row(gen_random_uuid(), p_what, v_alert.setting_id,
    v_alert.alert_id, '', 'p', p_workflow, null, v_alert.severity, p_now, 'Rate of ' || p_workflow
      || case p_what when 'resolved' then ' is back' else '' end,
    null)::tocsin_internal.occurrence], p_now);
end
$$;
create function pg_temp.told(p_now timestamptz) returns text language sql as $$
  select coalesce(string_agg(n.purpose || ' to ' || d.channel_name, ', ' order by d.channel_name),
    '')
  from tocsin.deliveries d join tocsin.notifications n using (notification_id)
  where d.created_at = p_now
$$;
select pg_temp.turn('fired', '2026-03-04 10:00Z');
select is(pg_temp.told('2026-03-04 10:00Z'), 'first to on call', 'At once only the first is told.');
select from tocsin_internal.remind('2026-03-04 10:14:55Z');
select from tocsin_internal.remind('2026-03-04 10:15Z');
select is(pg_temp.told('2026-03-04 10:15Z'), 'escalation to second',
  'After a quarter of an hour it is escalated, to that channel alone.');
select from tocsin_internal.remind('2026-03-04 10:20Z');
select is(pg_temp.told('2026-03-04 10:20Z'), '', 'Once.');
update tocsin.alerts set state = 'acknowledged', acknowledged_at = now() where true;
select from tocsin_internal.remind('2026-03-04 11:00Z');
select is(pg_temp.told('2026-03-04 11:00Z'), '', 'What is acknowledged is escalated no further.');
update tocsin.alerts set state = 'firing', acknowledged_at = null where true;
insert into tocsin.quiet_periods (name, starts_at, ends_at) values ('noon', '11:00', '12:00');
select from tocsin_internal.remind('2026-03-04 11:30Z');
select is(pg_temp.told('2026-03-04 11:30Z'), '', 'A quiet period puts it off');
select from tocsin_internal.remind('2026-03-04 12:00Z');
select is(pg_temp.told('2026-03-04 12:00Z'), 'escalation to boss', 'until it is over.');
select pg_temp.turn('resolved', '2026-03-04 12:30Z');
select is(pg_temp.told('2026-03-04 12:30Z'),
  'resolved to boss, resolved to on call, resolved to second',
  'Everybody who was told hears that it is over.');

select * from finish();
rollback;
