begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

delete from tocsin_internal.watchers;
delete from net._http_response;
delete from net.http_request_queue;
create function pg_temp.called(p_name text, p_status int, p_count int, p_at timestamptz)
returns void language sql as $$
  with request as (
    insert into tocsin_internal.request_labels (request_id, name, project_id, labeled_at)
    select 1000 + coalesce((select max(label_id) from tocsin_internal.request_labels), 0) + n,
      p_name, '', p_at from generate_series(1, p_count) as n
    returning request_id
  )
  insert into net._http_response (id, status_code, content, created)
  select request_id, p_status, 'sorry', p_at from request$$;
create function pg_temp.beat(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.watch_webhooks(at + interval '6 seconds'),
    tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || a.source_id || '/' || a.workflow_id || ' ' || t.value
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at, a.workflow_id$$;

insert into tocsin.alert_settings (name, kind, parameters) values
  ('webhooks', 'webhook_failed', '{"threshold": 3, "min_failure_rate": 10}');
select tocsin_internal.watch_webhooks('2026-03-01 11:59Z');
select pg_temp.called('crm', 200, 5, '2026-03-01 12:00Z');
select pg_temp.called('crm', 399, 5, '2026-03-01 12:00:01Z');
select pg_temp.called('crm', 500, 2, '2026-03-01 12:00:02Z');
select pg_temp.called('big', 200, 40, '2026-03-01 12:00:03Z');
select pg_temp.called('big', 500, 4, '2026-03-01 12:00:04Z');
select pg_temp.beat('2026-03-01 12:00Z', '2026-03-01 12:03Z');
select is_empty('select * from pg_temp.story()',
  'Two failures of three, and four of 44, say nothing.');
select pg_temp.called('crm', 404, 1, '2026-03-01 12:03:30Z');
select pg_temp.beat('2026-03-01 12:04Z', '2026-03-01 12:05Z');
select results_eq('select * from pg_temp.story()', $$values ('12:05 fired pg_net/crm 3')$$,
  'The third within five minutes fires, once.');
select results_eq($$select title, context -> 'facts' -> 0 ->> 'value',
    context -> 'facts' -> 1 ->> 'value' from tocsin.alerts$$,
  $$values ('Webhook crm: 3 failed within 5 minutes', '13', 'answered 404: sorry')$$, 'In words.');
select pg_temp.beat('2026-03-01 12:06Z', '2026-03-01 12:20Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved'$$,
  $$values ('12:06 resolved pg_net/crm 1')$$, 'When they lie behind it is over.');
select is((select count(*) from tocsin_internal.reported_errors), 7::bigint,
  'Each failure is an event besides.');

select * from finish();
rollback;
