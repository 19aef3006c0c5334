-- The conservation law, with settings that come, go and change between the batches.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

select setseed(0.42);
create temp table expected (error_id uuid, setting_id uuid);
insert into tocsin.alert_channels (name, kind, recipients, project_id)
select 'mail', 'email', '{a@b.test}', project_id
from unnest(array[null, 'p1', 'p2', 'p3']) as project_id;
insert into tocsin.alert_settings (name, project_id, workflow_id, throttle_limit, throttle_window)
select 'setting ' || n, case when n % 4 > 0 then 'p' || n % 4 end,
  case when n % 4 > 0 and n % 3 = 0 then 'w' || n % 5 end, 1 + n % 3,
  (array['0', '1 minute', '10 minutes', '1 day'])[1 + n % 4]::interval
from generate_series(1, 16) as n;
insert into tocsin.alert_setting_channels
select setting_id, channel_id from tocsin.alert_settings s join tocsin.alert_channels c
  on c.project_id is not distinct from s.project_id
where s.name <> 'setting 5';

create function pg_temp.batch(p_number int) returns void language plpgsql as $$
declare
  v_now timestamptz := '2026-03-04 10:00Z'::timestamptz + make_interval(secs => 37 * p_number);
  v_ids uuid[];
begin
  update tocsin.alert_settings set is_enabled = random() < 0.8
  where random() < 0.2 and name <> 'setting 5';
  -- so that some failure surely finds nobody who wants it
  if p_number in (10, 30) then
    update tocsin.alert_settings set is_enabled = false where project_id is null;
  end if;
  if p_number = 20 then
    delete from tocsin.alert_settings where name in ('setting 3', 'setting 4');
  end if;
  with new as (
    insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, source_id,
      project_id, workflow_id, run_id, ingested_at)
    select gen_random_uuid(), v_now - make_interval(secs => n), 'worker', 'execution', 'high',
      's' || (random() * 1)::int, 'p' || (random() * 4)::int, 'w' || (random() * 4)::int, n, v_now
    from generate_series(1, 1 + (random() * 24)::int) as n
    returning error_id
  )
  select array_agg(error_id) into v_ids from new;
  insert into expected
  select e.error_id, s.setting_id from tocsin.error_metrics e left join tocsin.alert_settings s
    on s.is_enabled and coalesce(s.project_id, e.project_id) = e.project_id
      and coalesce(s.workflow_id, e.workflow_id) = e.workflow_id
  where e.error_id = any (v_ids);
  perform tocsin_internal.admit_errors(v_ids, v_now);
end
$$;
select pg_temp.batch(n) from generate_series(1, 40) as n;
-- each call works for two seconds at most
select tocsin_internal.close_windows('2026-03-09 10:00Z') from generate_series(1, 10);

select cmp_ok((select count(*) from tocsin.error_metrics), '>', 400::bigint,
  'There are many failures,');
select bag_eq($$select event_id, setting_id from tocsin.alert_logs$$, $$table expected$$,
  'and each has one row for each setting that wanted it, or one that says that none did.');
select is((select count(distinct decision)::int from tocsin.alert_logs), 4,
  'Every kind of decision was made.');
select is_empty($$
  select l.log_id from tocsin.alert_logs l left join tocsin_internal.throttle_windows w
    using (window_id)
  left join tocsin.notifications n on n.notification_id = w.summary_id
  where l.decision = 'throttled' and (n.purpose is distinct from 'summary'
    or l.event_at > w.closed_at)
$$, 'Whatever was held back points to a window whose summary told it.');
select is_empty($$
  select w.window_id from tocsin_internal.throttle_windows w
  left join tocsin.alert_logs l using (window_id)
  left join tocsin.notifications n on n.notification_id = w.summary_id
  group by w.window_id, n.content
  having w.held_count <> count(*) filter (where l.decision = 'throttled')
    or w.held_count > 0 and w.held_count <> (n.content #>> '{held_back,count}')::int
$$, 'Every summary counts exactly what its window held back.');
select is_empty($$
  select notification_id from tocsin.alert_logs where decision = 'notified'
  except select notification_id from tocsin.deliveries
$$, 'Whatever was notified is delivered.');
select bag_eq($$select notification_id from tocsin.alert_logs where decision = 'notified'$$,
  $$select notification_id from tocsin.notifications where purpose = 'first'$$,
  'No notification was made without a decision.');

select * from finish();
rollback;
