begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

delete from tocsin_internal.watchers;
delete from net._http_response;
delete from net.http_request_queue;
create or replace function tocsin_internal.is_net_up() returns boolean
language sql stable set search_path = '' as $$ select current_setting('t.up', true) = 'yes' $$;
set local t.up = 'yes';
create function pg_temp.beat(p_from timestamptz, p_to timestamptz) returns void language sql as $$
  select tocsin_internal.watch_webhooks(at + interval '6 seconds'),
    tocsin_internal.evaluate(at + interval '6 seconds')
  from generate_series(p_from, p_to, '1 minute') as at$$;
create function pg_temp.story() returns setof text language sql as $$
  select to_char(t.at at time zone 'UTC', 'HH24:MI') || ' ' || t.transition || ' '
    || coalesce(t.value::text, 'none')
  from tocsin.alert_transitions t join tocsin.alerts a using (alert_id)
  where t.transition <> 'pending' order by t.at$$;

insert into tocsin.alert_settings (name, kind) values ('stuck', 'webhook_stuck');
select pg_temp.beat('2026-03-01 12:00Z', '2026-03-01 12:01Z');
select net.http_get('https://example.com/') from generate_series(1, 3);
select pg_temp.beat('2026-03-01 12:02Z', '2026-03-01 12:04Z');
select is_empty('select * from pg_temp.story()', 'A request may wait for two minutes.');
select pg_temp.beat('2026-03-01 12:05Z', '2026-03-01 12:06Z');
select results_eq('select * from pg_temp.story()', $$values ('12:05 fired 120')$$,
  'One that waits longer fires, once.');
select is((select title from tocsin.alerts), 'Requests of pg_net wait (2 min)', 'In words.');
delete from net.http_request_queue;
select pg_temp.beat('2026-03-01 12:07Z', '2026-03-01 12:08Z');
select results_eq($$select * from pg_temp.story() where story ~ 'resolved'$$,
  $$values ('12:08 resolved none')$$, 'When nothing waits it is over.');
set local t.up = 'no';
select pg_temp.beat('2026-03-01 12:09Z', '2026-03-01 12:10Z');
select results_eq($$select * from pg_temp.story() where story > '12:09'$$,
  $$values ('12:10 fired 0')$$, 'A worker that is away for a minute fires as well.');

select * from finish();
rollback;
