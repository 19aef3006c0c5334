begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
insert into tocsin.alert_settings (name) values ('all');
insert into tocsin.alert_setting_channels (setting_id, channel_id)
select setting_id, channel_id from tocsin.alert_settings, tocsin.alert_channels;
insert into runs select n, 'failed' from generate_series(1, 20) as n;
select from tocsin.report_error('input', 'bad', p_source => 'webhook');
select from tocsin_internal.tick();
select is((select count(*)::int from tocsin.alert_logs), 21, 'Each event has its decision:');
select is_empty($$select * from tocsin.unaccounted_events$$, 'nothing is unaccounted for.');

insert into tocsin.error_metrics (error_id, timestamp, source, error_type, severity, run_id,
  ingested_at)
values ('e0000000-0000-4000-8000-000000000001', now(), 'worker', 'execution', 'high', 'lost',
  now());
insert into tocsin.alert_kinds (kind, family, title, description, evaluator, fired_title,
  resolved_title) values ('toy', 'measure', 'Toy', 'x', 'x', 'x', 'x');
with alert as (
  insert into tocsin.alerts (setting_id, setting_name, kind, severity, state, pending_since,
    fired_at, judged_at)
  values (gen_random_uuid(), 'x', 'toy', 'high', 'firing', now(), now(), now())
  returning alert_id
)
insert into tocsin.alert_transitions (transition_id, alert_id, transition, at, made_at)
select 'e0000000-0000-4000-8000-000000000002', alert_id, 'fired', now(), now() from alert;
delete from tocsin.notifications where true;
select results_eq($$
  select problem, event_id from tocsin.unaccounted_events
  order by problem, event_id
$$, $$
  select 'a decision whose notification is not there', event_id from tocsin.alert_logs
  where decision = 'notified'
  union all values ('a failure without a decision', 'e0000000-0000-4000-8000-000000000001'::uuid),
    ('an alert''s transition without a decision', 'e0000000-0000-4000-8000-000000000002')
  order by 1, 2
$$, 'It names a failure and a transition without a decision, and one that leads nowhere.');
set local role authenticated;
set local request.jwt.claims =
  '{"role": "authenticated", "sub": "00000000-0000-4000-8000-00000000000a"}';
select is_empty($$select * from tocsin.unaccounted_events$$, 'To nobody whose they are not.');

select * from finish();
rollback;
