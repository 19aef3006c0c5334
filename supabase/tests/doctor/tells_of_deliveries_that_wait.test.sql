begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

select from tocsin.setup('https://x.example/functions/v1');
insert into tocsin.notifications (notification_id, setting_id, project_id, workflow_id, purpose,
  content, decided_at)
values ('00000000-0000-4000-8000-000000000001', gen_random_uuid(), '', '', 'first', '{}', now());
insert into tocsin.alert_channels (channel_id, name, kind, url)
values ('00000000-0000-4000-8000-00000000000c', 'hook', 'webhook', 'https://x.example');
insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind, channel_name,
  next_attempt_at, created_at)
values ('00000000-0000-4000-8000-000000000001', '',
  '00000000-0000-4000-8000-00000000000c', 'webhook', 'hook',
  '2026-03-04 10:00Z', '2026-03-04 10:00Z');
create function pg_temp.status(p_now timestamptz) returns text language sql as $$
  select status from tocsin.doctor(p_now) where check_name = 'deliveries are on time'
$$;

select is(pg_temp.status('2026-03-04 10:00:59Z'), 'ok', 'A minute is no delay.');
select is(pg_temp.status('2026-03-04 10:01:01Z'), 'fail', 'More is a failing line.');
update tocsin_internal.installation set functions_url = null;
select is(pg_temp.status('2026-03-04 10:01:01Z'), 'warn',
  'Where an unset address is why, that line fails, and this one only warns.');
select is((select status from tocsin.doctor(now()) where check_name = 'channels answer'), 'ok',
  'All is well with the channel.');
insert into tocsin.channel_states (channel_id, state, retry_at, failing_since, last_error)
values ('00000000-0000-4000-8000-00000000000c', 'open', '2026-03-04 10:05Z', '2026-03-04 09:55Z',
  'x.example answered 500.');
select is(pg_temp.status('2026-03-04 10:02Z'), 'ok',
  'What waits for a channel that rests is not late,');
select results_eq($$
  select status, detail from tocsin.doctor('2026-03-04 10:02Z') where check_name = 'channels answer'
$$, $$values ('warn',
  '"hook" has not answered since 2026-03-04 09:55 UTC (x.example answered 500.)')$$,
  'but the channel is named.');
update tocsin.deliveries set state = 'dead';
select is((select status from tocsin.doctor('2026-03-04 10:02Z')
  where check_name = 'no delivery was given up'), 'warn', 'What was given up is a warning.');

select * from finish();
rollback;
