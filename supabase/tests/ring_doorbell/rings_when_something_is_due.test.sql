begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create function pg_temp.deliver(p_channel text, p_due timestamptz) returns uuid
language sql as $$
  with n as (
    insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
      decided_at)
    values (gen_random_uuid(), '', 'w', 'first', '{"version": 1}', p_due)
    returning notification_id
  )
  insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind,
    channel_name, next_attempt_at, created_at)
  select notification_id, '', channel_id, kind, name, p_due, p_due
  from n, tocsin.alert_channels where name = p_channel
  returning delivery_id
$$;
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
select from tocsin.setup('https://x.example/functions/v1/');
-- it has rung once by itself
delete from net.http_request_queue;
update tocsin_internal.installation set last_doorbell_id = null, last_doorbell_at = null;
select is(tocsin_internal.ring_doorbell('2026-03-04 10:00Z'), 0::bigint,
  'While nothing is due nobody is rung.');
select pg_temp.deliver('mail', '2026-03-04 10:00Z');
select from tocsin_internal.queue_deliveries('2026-03-04 10:00Z');
select is(tocsin_internal.ring_doorbell('2026-03-04 09:59Z'), 0::bigint, 'Nor before its time.');
select is(tocsin_internal.ring_doorbell('2026-03-04 10:00Z'), 1::bigint, 'Then it rings.');

select results_eq($$
  select method::text, url, convert_from(body, 'UTF8')::jsonb, headers - 'x-tocsin-token'
  from net.http_request_queue
$$, $$
  values ('POST', 'https://x.example/functions/v1/tocsin-notify', '{"type": "drain"}'::jsonb,
    '{"content-type": "application/json"}'::jsonb)
$$, 'It rings tocsin-notify with a word, and with no key of the project.');
select is(tocsin.check_doorbell(headers ->> 'x-tocsin-token'), true, 'Its own token is with it.')
from net.http_request_queue;
select results_eq($$select last_doorbell_id, last_doorbell_at from tocsin_internal.installation$$,
  $$select id, '2026-03-04 10:00Z'::timestamptz from net.http_request_queue$$,
  'doctor() can look for the answer.');
select from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z');
select is(tocsin_internal.ring_doorbell('2026-03-04 10:00Z'), 0::bigint,
  'While the sender is at it nobody is rung.');

select * from finish();
rollback;
