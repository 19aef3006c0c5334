-- The heart stood still for an hour: the workflow failed and succeeded again meanwhile.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table public.jobs (id int primary key, workflow_id text, status text,
  finished_at timestamptz);
select from tocsin.watch_runs('public.jobs');
insert into tocsin.alert_channels (name, kind, recipients) values ('me', 'email', '{a@b.example}');
insert into tocsin.alert_settings (name, parameters)
values ('resolves', '{"resolve_on_success": true}');
insert into tocsin.alert_setting_channels select setting_id, channel_id
  from tocsin.alert_settings, tocsin.alert_channels;
insert into public.jobs values (1, 'w', 'failed', '2026-03-04 10:00:20Z'),
  (2, 'w', 'failed', '2026-03-04 10:01:20Z'), (3, 'w', 'succeeded', '2026-03-04 10:05:20Z');
update tocsin_internal.run_outcomes set captured_at = finished_at;
select tocsin_internal.tick('2026-03-04 11:00:08Z');
select tocsin_internal.tick('2026-03-04 11:01:08Z');

select results_eq('select fired_at, resolved_at, value from tocsin.alerts', $$
  values ('2026-03-04 11:00:08Z'::timestamptz, '2026-03-04 11:00:08Z'::timestamptz,
    2::double precision)
$$, 'One alert, that is over as soon as it began.');
select results_eq($$select purpose, content ->> 'title' from tocsin.notifications
  order by decided_at$$, $$values ('first', 'w failed'), ('resolved', 'w succeeds again')$$,
  'Both are told, in their order.');
select results_eq($$
  select (a ->> 'fired_at')::timestamptz, (a ->> 'resolved_at')::timestamptz,
    jsonb_array_length(a -> 'notifications')
  from tocsin.alert_settings s cross join lateral jsonb_array_elements(tocsin.backtest_setting(
    s.setting_id, '2026-03-04 09:00Z', '2026-03-04 12:00Z', p_now => '2026-03-04 12:00Z')
    -> 'alerts') as a
$$, $$
  values ('2026-03-04 11:00:08Z'::timestamptz, '2026-03-04 11:00:08Z'::timestamptz, 2)
$$, 'A backtest says the same.');

select * from finish();
rollback;
