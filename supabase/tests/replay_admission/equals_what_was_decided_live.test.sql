-- A day and more is lived, beat by beat, with failures and alerts that come and go at random, quiet
-- nights, a silence, repeats and escalations. Then each setting's occurrences are replayed.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(13);

insert into tocsin.alert_kinds (kind, family, title, description, evaluator, fired_title,
  resolved_title) values ('toy', 'measure', 'Toy', 'x', 'x', 'x', 'x');
insert into tocsin.alert_channels (name, kind, recipients, project_id)
select name, 'email', '{a@b.test}', 'p' from unnest(array['mail', 'boss']) as name;
insert into tocsin.alert_settings (name, project_id, kind, group_by, group_wait, throttle_limit,
  throttle_window, repeat_interval, notify_resolved) values
  ('each at once', 'p', 'toy', 'workflow', '0', 1, '30 minutes', '4 hours', true),
  ('as it comes', 'p', 'toy', 'workflow', null, 1, '5 minutes', '4 hours', true),
  ('by project', 'p', 'toy', 'project', null, 2, '1 hour', '2 hours', true),
  ('all together', 'p', 'toy', 'setting', '10 minutes', 1, '0', '0', true),
  ('no ends', 'p', 'toy', 'setting', '0', 3, '2 hours', '6 hours', false),
  ('failures', 'p', 'run_failed', 'workflow', null, 1, '15 minutes', '4 hours', true),
  ('all failures', 'p', 'run_failed', 'setting', '5 minutes', 2, '3 hours', '4 hours', true);
insert into tocsin.alert_setting_channels (setting_id, channel_id, after_interval)
select s.setting_id, c.channel_id, case c.name when 'boss' then interval '45 minutes' else '0' end
from tocsin.alert_settings s, tocsin.alert_channels c
where c.name = 'mail' or s.name in ('by project', 'all together');
insert into tocsin.quiet_periods (project_id, name, time_zone, starts_at, ends_at,
  breaks_through_from) values ('p', 'night', 'Europe/Berlin', '22:00', '06:30', 'high');
insert into tocsin.quiet_periods (project_id, name, starts_at, ends_at, action, setting_id)
select 'p', 'lunch', '12:00', '13:10', 'drop', setting_id from tocsin.alert_settings
where name in ('each at once', 'all failures');
insert into tocsin.silences (project_id, reason, workflow_pattern, starts_at, ends_at) values
  ('p', 'a deploy', 'w1', '2026-03-04 15:00Z', '2026-03-04 17:20Z'),
  ('p', 'a drill', 'w*', '2026-03-05 08:00Z', '2026-03-05 08:30Z');

create temp table lived of tocsin_internal.occurrence;
create function pg_temp.live(p_setting tocsin.alert_settings, p_now timestamptz) returns void
language plpgsql as $$
declare
  v_workflow text := 'w' || (random() * 3)::int;
  v_alert tocsin.alerts;
  v_what text;
  v_some tocsin_internal.occurrence[];
begin
  if p_setting.kind = 'toy' then
    select * into v_alert from tocsin.alerts where setting_id = p_setting.setting_id
      and workflow_id = v_workflow and state <> 'resolved';
    if found then
      v_what := 'resolved';
      update tocsin.alerts set state = 'resolved', resolved_at = p_now
      where alert_id = v_alert.alert_id;
    else
      v_what := 'fired';
      insert into tocsin.alerts (setting_id, setting_name, kind, project_id, workflow_id, severity,
        state, pending_since, fired_at, judged_at, title)
      values (p_setting.setting_id, p_setting.name, 'toy', 'p', v_workflow,
        (array['low', 'medium', 'high'])[1 + (random() * 2)::int]::tocsin.severity,
        'firing', p_now, p_now, p_now, 'Toy of ' || v_workflow)
      returning * into v_alert;
    end if;
    v_some := array[row(gen_random_uuid(), v_what, p_setting.setting_id, v_alert.alert_id, '', 'p',
      v_workflow, null, v_alert.severity, p_now, v_alert.title,
      null)::tocsin_internal.occurrence];
    insert into lived select * from unnest(v_some);
    perform tocsin_internal.admit_occurrences(v_some, p_now);
  elsif p_setting.name = 'failures' then
    insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, project_id,
      workflow_id, run_id, message, ingested_at)
    select gen_random_uuid(), p_now, 'worker', 'execution',
      (array['low', 'medium', 'high'])[1 + (random() * 2)::int]::tocsin.severity, 'p', v_workflow,
      n, 'boom ' || n, p_now
    from generate_series(1, 1 + (random() * 3)::int) as n;
    perform tocsin_internal.admit_errors(array(
      select error_id from tocsin.error_metrics where ingested_at = p_now), p_now);
  end if;
end
$$;

select setseed(0.42);
do $$
declare
  v_now timestamptz;
  v_setting tocsin.alert_settings;
begin
  for v_now in
    select generate_series('2026-03-04 10:00Z'::timestamptz, '2026-03-05 14:00Z', '30 seconds')
  loop
    if extract(second from v_now) = 0 then
      for v_setting in select * from tocsin.alert_settings order by name loop
        if random() < 0.02 then
          perform pg_temp.live(v_setting, v_now);
        end if;
      end loop;
    end if;
    if exists (select from tocsin_internal.throttle_windows
      where closed_at is null and due_at <= v_now)
    then
      perform tocsin_internal.close_windows(v_now);
    end if;
    if extract(second from v_now) = 0 or exists (
      select from tocsin.alerts where state = 'firing' and extract(second from last_told_at) = 30)
    then
      perform tocsin_internal.remind(v_now);
    end if;
  end loop;
end
$$;
insert into lived
select event_id, what, setting_id, null, source_id, project_id, workflow_id, run_id, severity,
  event_at, null, null
from tocsin.alert_logs where what = 'failure' and setting_id is not null;

create function pg_temp.live_of(p_setting uuid)
returns table (at timestamptz, what text, decision text, reason text, purpose text, title text)
language sql as $$
  select l.decided_at, l.what, l.decision::text, l.reason, n.purpose, n.content ->> 'title'
  from tocsin.alert_logs l left join tocsin.notifications n
    on n.notification_id = l.notification_id and l.decision = 'notified'
  where l.setting_id = p_setting
  union all
  select n.decided_at, null, null, null, n.purpose, n.content ->> 'title'
  from tocsin.notifications n where n.setting_id = p_setting and not exists (
    select from tocsin.alert_logs l
    where l.notification_id = n.notification_id and l.decision = 'notified')
$$;
create function pg_temp.replay_of(p_setting uuid)
returns table (at timestamptz, what text, decision text, reason text, purpose text, title text)
language sql as $$
  select r.at, r.what, r.decision::text, r.reason, r.purpose, r.title
  from tocsin_internal.replay_admission(
    (select s from tocsin.alert_settings s where s.setting_id = p_setting),
    array(select l::text::tocsin_internal.occurrence from lived l where l.setting_id = p_setting
      order by l.at, l.event_id),
    '2026-03-05 14:00Z') as r
$$;

select bag_eq(format('select * from pg_temp.replay_of(%L)', setting_id),
  format('select * from pg_temp.live_of(%L)', setting_id),
  format('Replaying "%s" decides and tells what was decided and told live.', name))
from tocsin.alert_settings order by name;

select cmp_ok((select count(*) from tocsin.alert_logs), '>', 250::bigint, 'A good deal happened:');
select bag_has($$select distinct decision::text from tocsin.alert_logs$$,
  $$values ('notified'), ('grouped'), ('throttled'), ('silenced'), ('deferred'), ('dropped')$$,
  'every decision,');
select bag_has($$select distinct purpose from tocsin.notifications$$,
  $$values ('first'), ('summary'), ('digest'), ('resolved'), ('repeat'), ('escalation')$$,
  'every kind of notification.');
select is_empty($$
  select l.event_id from lived l join tocsin.alert_logs d on d.event_id = l.event_id
    and d.setting_id = l.setting_id group by 1, l.setting_id having count(*) <> 1
$$, 'Nothing was decided twice,');
select is((
  select count(*) from lived l where not exists (
    select from tocsin.alert_logs d where d.event_id = l.event_id and d.setting_id = l.setting_id)
), 0::bigint, 'nor left undecided.');
select is_empty($$
  select l.event_id from tocsin.alert_logs l
  where l.notification_id is not null and not exists (
    select from tocsin.notifications n where n.notification_id = l.notification_id)
    and not exists (select from tocsin_internal.throttle_windows w
      where w.window_id = l.window_id and w.closed_at is null)
$$, 'Whatever was held back is told, or waits in a window that is open.');

select * from finish();
rollback;
