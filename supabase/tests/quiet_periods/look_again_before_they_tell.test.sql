begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_kinds (kind, family, title, description, evaluator, fired_title,
  resolved_title) values ('toy', 'measure', 'Toy', 'x', 'x', 'x', 'x');
insert into tocsin.alert_settings (name, kind, group_wait, repeat_interval)
values ('rate', 'toy', '0', '0');
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
insert into tocsin.quiet_periods (name, starts_at, ends_at) values ('night', '22:00', '06:00');
select pg_temp.turn('fired', '2026-03-04 23:00Z', 'a'), pg_temp.turn('resolved',
  '2026-03-04 23:30Z', 'a'),
  pg_temp.turn('fired', '2026-03-05 01:00Z', 'b'), pg_temp.turn('fired', '2026-03-05 02:00Z', 'c');
update tocsin.alerts set acknowledged_at = '2026-03-05 02:30Z', state = 'acknowledged'
where workflow_id = 'c';
select from tocsin_internal.close_windows('2026-03-05 06:00Z');
select is((select content ->> 'title' from tocsin.notifications),
  'While it was quiet: 3 alerts, 1 still fires, 1 is over, 1 is acknowledged',
  'A digest tells what has become of each by then,');
select results_eq($$
  select jsonb_path_query(content, '$.items[*].title') #>> '{}' from tocsin.notifications
$$, $$
  values ('Rate of c (acknowledged)'), ('Rate of b'),
    ('Rate of a (over since 2026-03-04 23:30:00 UTC)')
$$, 'one by one, the newest first;');
select results_eq($$select distinct content -> 'facts' from tocsin.notifications$$, $$
  values ('[{"label": "Still firing", "value": "1"}, {"label": "Acknowledged", "value": "1"},
    {"label": "Over", "value": "1"}]'::jsonb)
$$, 'and counts them.');
-- nothing of it goes on: that is said in a word, and not kept from anybody
select pg_temp.turn('fired', '2026-03-05 23:00Z', 'x'), pg_temp.turn('resolved',
  '2026-03-05 23:30Z', 'x');
select from tocsin_internal.close_windows('2026-03-06 06:00Z');
select is((select content ->> 'title' from tocsin.notifications order by decided_at desc limit 1),
  'While it was quiet: 1 alert, over by now', 'What is over by then is told as over,');
select pg_temp.turn('fired', '2026-03-06 23:00Z', 'x'), pg_temp.turn('resolved',
  '2026-03-06 23:30Z', 'x'), pg_temp.turn('fired', '2026-03-06 23:40Z', 'y'),
  pg_temp.turn('resolved', '2026-03-06 23:50Z', 'y');
select from tocsin_internal.close_windows('2026-03-07 06:00Z');
select is((select content ->> 'title' from tocsin.notifications order by decided_at desc limit 1),
  'While it was quiet: 2 alerts, all over by now', 'and so are several.');
delete from tocsin.notifications where decided_at > '2026-03-05 12:00Z';
update tocsin.quiet_periods set starts_at = '06:00', ends_at = '09:00' where true;
select pg_temp.turn('fired', '2026-03-05 07:00Z', 'd');
update tocsin.quiet_periods set ends_at = '11:00' where true;
select from tocsin_internal.close_windows('2026-03-05 09:00Z');
select is((select count(*)::int from tocsin.notifications), 1,
  'A period that was made longer meanwhile is kept.');
update tocsin.alert_settings set is_enabled = false where true;
select from tocsin_internal.close_windows('2026-03-05 11:00Z');
select is((select count(*)::int from tocsin.notifications), 2, 'Its digest stays on record,');
select is((select count(*)::int from tocsin.deliveries), 1,
  'but a setting that was turned off meanwhile tells nothing.');

select * from finish();
rollback;
