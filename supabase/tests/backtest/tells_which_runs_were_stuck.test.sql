begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table public.jobs (id int primary key, workflow_id text, project_id text, status text,
  started_at timestamptz, finished_at timestamptz);
create index on public.jobs (started_at);
select from tocsin.watch_runs('public.jobs');
update tocsin.run_sources set watched_at = '2026-03-01Z';
insert into tocsin.alert_settings (name, kind, project_id, parameters, keep_firing_for, created_at)
values ('stuck', 'run_stuck', 'p', '{"longer_than": "10 minutes"}', '0', '2026-03-01Z'),
  ('several', 'run_stuck', 'p', '{"longer_than": "20 minutes", "threshold": 3}', '5 minutes',
    '2026-03-01Z');

-- six hours of runs, a tenth of which takes far longer than the others
select setseed(0.3);
create temp table plan as
select n as id, 'w' || n % 3 as workflow_id, at as started_at,
  at + make_interval(secs => 20 + random() * 200
    + case when random() < 0.1 then 300 + random() * 4000 else 0 end) as finished_at
from generate_series(1, 240) as n
cross join lateral (select '2026-03-01 12:00Z'::timestamptz + n * interval '90 seconds' as at) as t;
do $$
declare
  v_at timestamptz;
begin
  for v_at in
    select generate_series('2026-03-01 12:00Z'::timestamptz, '2026-03-01 19:00Z', '1 minute')
  loop
    insert into public.jobs
    select id, workflow_id, 'p', 'running', started_at from plan
    where started_at > v_at - interval '1 minute' and started_at <= v_at;
    update public.jobs j set status = 'succeeded', finished_at = p.finished_at
    from plan p where p.id = j.id and j.status = 'running' and p.finished_at <= v_at;
    perform tocsin_internal.find_long_runs(v_at + interval '2 seconds');
    perform tocsin_internal.evaluate(v_at + interval '6 seconds');
  end loop;
end
$$;

select bag_eq(format($$
  select (a ->> 'fired_at')::timestamptz as fired_at, (a ->> 'resolved_at')::timestamptz as
    resolved_at, a ->> 'workflow_id' as workflow_id, a ->> 'title' as title
  from jsonb_array_elements(tocsin.backtest_setting(%L, '2026-03-01 12:00Z', '2026-03-01 19:00Z',
    p_now => '2026-03-01 19:00Z') -> 'alerts') as a
$$, setting_id), format($$
  select fired_at, resolved_at, workflow_id, title || case when is_flapping
    then ' (it comes and goes)' else '' end as title
  from tocsin.alerts where setting_id = %L and fired_at is not null
$$, setting_id), format('"%s" says afterwards what it said live.', name))
from tocsin.alert_settings order by name;
select cmp_ok((select count(*) from tocsin.alerts where fired_at is not null), '>=', 10::bigint,
  'Which was something.');

select * from finish();
rollback;
