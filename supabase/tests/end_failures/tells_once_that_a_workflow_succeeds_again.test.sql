begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(17);

create table public.jobs (id int primary key, workflow_id text, project_id text, status text,
  finished_at timestamptz, error text);
select from tocsin.watch_runs('public.jobs');
insert into tocsin.alert_channels (name, kind, recipients) values ('me', 'email', '{a@b.example}');
insert into tocsin.alert_settings (name, parameters) values
  ('resolves', '{"resolve_on_success": true}'), ('does not', '{}');
insert into tocsin.alert_setting_channels select setting_id, channel_id
  from tocsin.alert_settings, tocsin.alert_channels;
create function pg_temp.ended(p_id int, p_status text, p_at timestamptz,
  p_workflow text default 'w') returns void language sql as $$
  insert into public.jobs values (p_id, p_workflow, 'p', p_status, p_at, 'no route to host');
  update tocsin_internal.run_outcomes set captured_at = p_at;
  select tocsin_internal.run_stage(stage, p_at + interval '2 seconds')
  from unnest(array['roll_up', 'claim_failures', 'ingest']) as stage$$;
create function pg_temp.beat(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.run_stage(stage, at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at
  cross join unnest(array['evaluate', 'close_windows', 'remind']) as stage$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI:SS') || ' ' || t.transition || ' '
    || a.workflow_id
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id) order by t.at$$;
create function pg_temp.told() returns setof text language sql as $$
  select setting_name || ' ' || purpose || ': ' || (content ->> 'title')
  from tocsin.notifications n cross join lateral (
    select setting_name from tocsin.alert_logs l
    where l.notification_id = n.notification_id limit 1) as l
  where setting_name = 'resolves' order by n.decided_at$$;

select pg_temp.ended(1, 'succeeded', '2026-03-04 10:00:10Z');
select pg_temp.ended(2, 'failed', '2026-03-04 10:00:20Z');
select results_eq('select * from pg_temp.story()', $$values ('10:00:22 fired w')$$,
  'A failure begins an alert, where the setting asks for it.');
select results_eq('select state::text, value, title from tocsin.alerts',
  $$values ('firing', 1::double precision, 'w failed: no route to host')$$, 'It says what it is.');
select pg_temp.ended(3, 'failed', '2026-03-04 10:01:20Z');
select pg_temp.ended(4, 'succeeded', '2026-03-04 10:01:40Z');
select pg_temp.beat('2026-03-04 10:01Z', '2026-03-04 10:02Z');
select results_eq('select state::text, value from tocsin.alerts',
  $$values ('firing', 2::double precision)$$,
  'A further failure goes on with it, and successes of the same minute say nothing.');
select pg_temp.ended(5, 'succeeded', '2026-03-04 10:02:30Z', 'other');
select pg_temp.beat('2026-03-04 10:03Z', '2026-03-04 10:03Z');
select is((select state::text from tocsin.alerts), 'firing', 'Nor do those of another workflow.');
select pg_temp.ended(6, 'succeeded', '2026-03-04 10:03:30Z');
select pg_temp.beat('2026-03-04 10:04Z', '2026-03-04 10:04Z');
select results_eq('select * from pg_temp.story() offset 1', $$values ('10:04:00 resolved w')$$,
  'At the end of a minute in which it succeeded it is over.');
select pg_temp.beat('2026-03-04 10:05Z', '2026-03-04 10:20Z');
select results_eq('select * from pg_temp.told()', $$values
  ('resolves first: w failed: no route to host'), ('resolves resolved: w succeeds again'),
  ('resolves summary: w failed: no route to host')$$,
  'That is told once; what was held back is told as before.');
select results_eq($$
  select setting_name, what, decision::text, count(*)::int from tocsin.alert_logs group by 1, 2, 3
  order by 1, 2, 3
$$, $$values ('does not', 'failure', 'notified', 1), ('does not', 'failure', 'throttled', 1),
  ('resolves', 'failure', 'notified', 1), ('resolves', 'failure', 'throttled', 1),
  ('resolves', 'resolved', 'notified', 1)$$,
  'Each failure has its one decision, as without it, and so has the end.');
select is((select count(*)::int from tocsin.alert_logs where what = 'failure'
  and (alert_id is not null) = (setting_name = 'resolves')), 4, 'A failure knows its alert.');
select is_empty('select * from tocsin.unaccounted_events', 'All is accounted for.');

select results_eq($$select step, story from tocsin.explain_run('3') order by at desc limit 1$$,
  $$values ('told', 'Told in a summary: w failed: no route to host')$$,
  'The story of a run goes on until it was told,');
select ok(exists (select from tocsin.explain_run('3') where step = 'over'
  and at = '2026-03-04 10:04Z' and story = 'The workflow succeeds again.'),
  'and says when its workflow succeeded again.');

-- held back as a whole: the end is told with it
select pg_temp.ended(7, 'failed', '2026-03-04 11:00:20Z'),
  pg_temp.ended(8, 'succeeded', '2026-03-04 11:01:20Z');
select pg_temp.beat('2026-03-04 11:01Z', '2026-03-04 11:02Z');
select pg_temp.ended(9, 'failed', '2026-03-04 11:02:20Z'),
  pg_temp.ended(10, 'failed', '2026-03-04 11:02:30Z'),
  pg_temp.ended(11, 'succeeded', '2026-03-04 11:03:20Z');
select pg_temp.beat('2026-03-04 11:03Z', '2026-03-04 11:10Z');
select results_eq('select * from pg_temp.told() offset 3', $$values
  ('resolves first: w failed: no route to host'), ('resolves resolved: w succeeds again'),
  ('resolves summary: 2 more failures of w in 344 seconds, it succeeds again')$$,
  'Failures that were held back and are over are told together.');
select is_empty('select * from tocsin.unaccounted_events', 'All is accounted for again.');

-- the third within an hour: it comes and goes
select pg_temp.ended(12, 'failed', '2026-03-04 11:20:20Z'),
  pg_temp.ended(13, 'succeeded', '2026-03-04 11:21:20Z');
select pg_temp.beat('2026-03-04 11:21Z', '2026-03-04 11:51Z');
-- both at one instant
select set_eq('select * from (select * from pg_temp.story() offset 6) as last', $$values
  ('11:20:22 fired w'), ('11:20:22 flapping w')$$,
  'One that comes for the third time in an hour waits for half an hour of calm.');
select pg_temp.beat('2026-03-04 11:52Z', '2026-03-04 11:52Z');
select results_eq('select * from pg_temp.story() offset 8', $$values ('11:52:00 resolved w')$$,
  'Then it is over.');

select pg_temp.ended(14, 'failed', '2026-03-04 13:00:20Z');
select pg_temp.beat('2026-03-04 13:01Z', '2026-03-04 17:05Z');
select results_eq('select * from pg_temp.told() offset 8', $$values
  ('resolves first: w failed: no route to host'),
  ('resolves repeat: w failed: no route to host')$$,
  'While it does not succeed it is repeated, as other alerts are.');
update tocsin.alert_settings set parameters = '{}' where name = 'resolves';
select pg_temp.beat('2026-03-04 17:06Z', '2026-03-04 17:06Z');
select results_eq($$select note from tocsin.alert_transitions order by at desc limit 1$$,
  $$values ('Its setting no longer asks whether the workflow succeeds again.')$$,
  'When the setting does not ask any more it ends.');

select * from finish();
rollback;
