begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_kinds (kind, family, title, description, evaluator, fired_title,
  resolved_title) values ('toy', 'measure', 'Toy', 'x', 'x', 'x', 'x');
insert into tocsin.alert_settings (name, kind, group_wait, repeat_interval)
values ('rate', 'toy', '0', '1 hour');
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
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
create function pg_temp.reminds(p_now timestamptz) returns bigint language sql as $$
  select tocsin_internal.remind(p_now)
$$;
select pg_temp.turn('fired', '2026-03-04 10:00Z');
select is(pg_temp.reminds('2026-03-04 10:59:55Z'), 0::bigint,
  'Before its time nothing is repeated.');
select is(pg_temp.reminds('2026-03-04 11:00Z'), 1::bigint, 'Then it is told again,');
select is(pg_temp.reminds('2026-03-04 11:00:05Z'), 0::bigint, 'once;');
select is(pg_temp.reminds('2026-03-04 12:00Z'), 1::bigint, 'and again.');
select results_eq($$
  select what, decision::text, purpose, content ->> 'title' from tocsin.alert_logs
  join tocsin.notifications using (notification_id) order by log_id
$$, $$
  values ('fired', 'notified', 'first', 'Rate of w'), ('repeated', 'notified', 'repeat',
    'Rate of w'),
    ('repeated', 'notified', 'repeat', 'Rate of w')
$$, 'Each has its decision and its notification.');
update tocsin.alerts set state = 'acknowledged', acknowledged_at = now() where true;
select is(pg_temp.reminds('2026-03-04 14:00Z'), 0::bigint,
  'Once somebody has acknowledged it, nothing is repeated.');
update tocsin.alerts set state = 'firing', acknowledged_at = null where true;
update tocsin.alert_settings set repeat_interval = '0' where true;
select is(pg_temp.reminds('2026-03-04 15:00Z'), 0::bigint, 'Nor when the setting says never.');
update tocsin.alert_settings set repeat_interval = '1 hour', is_enabled = false where true;
select is(pg_temp.reminds('2026-03-04 15:00Z'), 0::bigint, 'Nor when it is off.');

select * from finish();
rollback;
