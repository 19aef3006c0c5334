begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_kinds (kind, family, title, description, evaluator, fired_title,
  resolved_title) values ('toy', 'measure', 'Toy', 'x', 'x', 'x', 'x');
insert into tocsin.alert_settings (name, kind, group_wait) values ('rate', 'toy', '0');
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
insert into tocsin.silences (reason, starts_at, ends_at)
values ('a deploy', '2026-03-04 09:00Z', '2026-03-04 11:00Z');
select pg_temp.turn('fired', '2026-03-04 10:00Z');
select is(tocsin_internal.remind('2026-03-04 10:30Z'), 0::bigint,
  'While the silence holds nothing is told, nor written down every five seconds.');
select is(tocsin_internal.remind('2026-03-04 11:00Z'), 1::bigint,
  'What still fires when it is over is told then.');
select is((select told_at from tocsin.alerts), '2026-03-04 11:00Z'::timestamptz,
  'Now it was told,');
select pg_temp.turn('resolved', '2026-03-04 11:30Z');
select results_eq($$select purpose from tocsin.notifications order by decided_at$$,
  $$values ('repeat'), ('resolved')$$, 'so its end is told as well.');

select * from finish();
rollback;
