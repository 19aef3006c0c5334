begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

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
create function pg_temp.last() returns text language sql as $$
  select decision || ': ' || reason from tocsin.alert_logs order by log_id desc limit 1
$$;
select pg_temp.turn('fired', '2026-03-04 10:00Z'), pg_temp.turn('resolved', '2026-03-04 10:02Z');
select results_eq($$
  select purpose, content ->> 'title', content #>> '{alert,state}' from tocsin.notifications
  order by decided_at
$$, $$values ('first', 'Rate of w', 'firing'), ('resolved', 'Rate of w is back', 'resolved')$$,
  'An alert that was told is told when it is over, whatever the throttle says.');
select results_eq($$select told_at, last_told_at from tocsin.alerts$$,
  $$values ('2026-03-04 10:00Z'::timestamptz, '2026-03-04 10:02Z'::timestamptz)$$,
  'The alert knows when it was told.');

select pg_temp.turn('fired', '2026-03-04 10:03Z');
select matches(pg_temp.last(), '^throttled: Held back: the setting allows 1 in 5 minutes.',
  'The next one within the window is held back,');
select pg_temp.turn('resolved', '2026-03-04 10:04Z');
select is(pg_temp.last(), 'throttled: Held back: told in the same summary as its beginning.',
  'and so is its end.');
select from tocsin_internal.close_windows('2026-03-04 10:05Z');
select results_eq($$
  select content ->> 'title', (content #>> '{held_back,count}')::int,
    jsonb_array_length(content -> 'items')
  from tocsin.notifications where purpose = 'summary'
$$, $$values ('Rate of w (over since 2026-03-04 10:04:00 UTC)', 2, 1)$$,
  'The summary tells it once, as what it is by then.');

insert into tocsin.silences (reason, starts_at, ends_at)
values ('a deploy', '2026-03-04 12:00Z', '2026-03-04 13:00Z');
select pg_temp.turn('fired', '2026-03-04 12:30Z');
select is(pg_temp.last(), 'silenced: Silenced until 2026-03-04 13:00:00 UTC: a deploy',
  'One that was silenced');
select pg_temp.turn('resolved', '2026-03-04 13:30Z');
select is(pg_temp.last(),
  'dropped: Dropped: its beginning was not told; if it is, the alert is told as over.',
  'is not told when it is over.');
update tocsin.alert_settings set notify_resolved = false where true;
select pg_temp.turn('fired', '2026-03-04 15:00Z'), pg_temp.turn('resolved', '2026-03-04 15:02Z');
select is(pg_temp.last(), 'dropped: Dropped: the setting does not tell when an alert is over.',
  'Nor is any when the setting does not want that.');

select * from finish();
rollback;
