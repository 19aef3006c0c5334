begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

create table public.jobs (id int primary key, workflow_id text, project_id text, status text
  check (status in ('queued', 'running', 'paused', 'done', 'failed')), started_at timestamptz,
  finished_at timestamptz);
create index jobs_started_at_idx on public.jobs (started_at);
select from tocsin.watch_runs('public.jobs');
update tocsin.run_sources set watched_at = '2026-03-01Z';

create function pg_temp.live_minutes(p_from timestamptz, p_to timestamptz) returns void
language sql as $$
  select tocsin_internal.find_long_runs(at + interval '2 seconds'),
    tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.project_id || '/' || a.workflow_id || coalesce(' ' || t.value, '')
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.workflow_id$$;

insert into public.jobs values (1, 'short', 'p', 'done', '2026-03-01 12:00Z', '2026-03-01 12:05Z');
select pg_temp.live_minutes('2026-03-01 12:00Z', '2026-03-01 12:30Z');
select is_empty('select * from tocsin_internal.run_searches',
  'Where nobody asks for long runs the host''s table is not looked at.');

insert into tocsin.alert_settings (name, kind, project_id, parameters)
values ('stuck', 'run_stuck', 'p', '{"longer_than": "30 minutes"}');
insert into public.jobs values
  (2, 'long', 'p', 'running', '2026-03-01 12:30:30Z'), (4, 'rest', 'p', 'paused',
    '2026-03-01 12:30Z'),
  (5, 'wait', 'p', 'queued', '2026-03-01 12:30Z'), (6, 'long', 'q', 'running', '2026-03-01 12:30Z'),
  (7, 'late', 'p', 'running', '2026-03-01 12:30Z');
insert into public.jobs values
  (3, 'long', 'p', 'done', '2026-03-01 12:31Z', '2026-03-01 12:35Z');
update public.jobs set status = 'done', finished_at = '2026-03-01 12:59:50Z' where id = 7;
select pg_temp.live_minutes('2026-03-01 12:31Z', '2026-03-01 13:00Z');
select is_empty('select * from pg_temp.story()',
  'Up to its limit a run is silent; so is one that ends just before it, is paused, or is queued.');

select pg_temp.live_minutes('2026-03-01 13:01Z', '2026-03-01 13:05Z');
select results_eq('select * from pg_temp.story()', $$values ('13:01 fired p/long 1')$$,
  'One that runs for longer fires once, for the setting''s own project.');
select results_eq('select title, context from tocsin.alerts', $$values (
  '1 run of long running for too long', '{"facts": [{"label": "Allowed", "value": "30 minutes"},
    {"label": "Oldest", "value": "run 2, for 34 minutes"}]}'::jsonb)$$, 'In words.');

insert into public.jobs values (8, 'long', 'p', 'running', '2026-03-01 12:40Z');
select pg_temp.live_minutes('2026-03-01 13:06Z', '2026-03-01 13:10Z');
select is((select value from tocsin.alerts), 2::double precision,
  'It counts those that are stuck.');

update public.jobs set status = 'failed', finished_at = '2026-03-01 13:10:20Z' where id = 2;
update public.jobs set status = 'paused' where id = 8;
select pg_temp.live_minutes('2026-03-01 13:11Z', '2026-03-01 13:15Z');
select results_eq('select * from pg_temp.story() offset 1', $$values ('13:11 resolved p/long')$$,
  'When all of them have ended or moved on it is resolved.');

update public.jobs set status = 'running' where id = 8;
select pg_temp.live_minutes('2026-03-01 13:16Z', '2026-03-01 13:45Z');
select is((select count(*)::int from pg_temp.story()), 2,
  'The time that it was paused is not counted,');
select pg_temp.live_minutes('2026-03-01 13:46Z', '2026-03-01 13:47Z');
select results_eq('select * from pg_temp.story() offset 2', $$values ('13:47 fired p/long 1')$$,
  'only the time since it has been running again.');

insert into tocsin.workflow_settings (project_id, workflow_id, max_duration)
values ('p', 'long', '2 hours'), ('p', 'quick', '2 minutes');
insert into public.jobs values (9, 'quick', 'p', 'running', '2026-03-01 13:47Z');
select pg_temp.live_minutes('2026-03-01 13:48Z', '2026-03-01 13:50Z');
select results_eq('select * from pg_temp.story() offset 3',
  $$values ('13:48 resolved p/long'), ('13:49 fired p/quick 1')$$,
  'A workflow may have a limit of its own, longer or shorter.');

select * from finish();
rollback;
