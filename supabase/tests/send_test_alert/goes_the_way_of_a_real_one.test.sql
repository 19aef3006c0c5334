begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

insert into tocsin.project_members (project_id, user_id, role) values
  ('shop', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('shop', '00000000-0000-4000-8000-00000000000f', 'viewer');
insert into tocsin.operators values ('00000000-0000-4000-8000-00000000000d');
insert into tocsin.alert_channels (channel_id, name, kind, url, project_id) values
  ('c4a22e10-0000-4000-8000-00000000000a', 'hook', 'webhook', 'https://x.example', 'shop'),
  ('c4a22e10-0000-4000-8000-00000000000b', 'ours', 'webhook', 'https://x.example', null);
create function pg_temp.become(p_user text) returns void language sql as $$
  select set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-00000000000' || p_user)::text, true),
    set_config('role', 'authenticated', true)
$$;
select pg_temp.become('e');
create temp table sent as select tocsin.send_test_alert('c4a22e10-0000-4000-8000-00000000000a',
  '2026-03-04 10:00Z') as delivery_id;
select results_eq($$select state::text, channel_name from tocsin.deliveries
  join sent using (delivery_id)$$, $$values ('pending', 'hook')$$,
  'It returns the delivery, which the editor can follow.');
reset role;
select is(tocsin_internal.queue_deliveries('2026-03-04 10:00Z'), 1::bigint, 'It is queued.');
create temp table claimed as select * from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z');
select results_eq($$
  select notification ->> 'purpose', notification ->> 'title', template from claimed
$$, $$values ('test', 'This channel works', null::text)$$,
  'It is claimed as any other, though no setting names the channel.');
select tocsin.record_attempt(delivery_id, attempt, 'delivered', now(), now(), p_http_status => 200)
from claimed;
select pg_temp.become('e');
select results_eq($$select outcome, http_status from tocsin.delivery_attempts
  join sent using (delivery_id)$$, $$values ('delivered', 200)$$, 'The editor sees the answer.');
reset role;
update tocsin.alert_channels set is_enabled = false where name = 'hook';
select pg_temp.become('e');
select throws_ok($$select tocsin.send_test_alert('c4a22e10-0000-4000-8000-00000000000a')$$,
  'TC065', null, 'A channel that is off is not tested.');
reset role;
update tocsin.alert_channels set is_enabled = true where name = 'hook';
select count(tocsin.send_test_alert('c4a22e10-0000-4000-8000-00000000000a',
  '2026-03-04 10:01Z')) from generate_series(1, 9);
select throws_ok($$
  select tocsin.send_test_alert('c4a22e10-0000-4000-8000-00000000000a', '2026-03-04 10:30Z')
$$, 'TC066', null, 'Ten times an hour is enough, since some channels cost money.');

select * from finish();
rollback;
