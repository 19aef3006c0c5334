begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(12);

insert into tocsin.project_members (project_id, user_id, role) values
  ('shop', '00000000-0000-4000-8000-0000000000a1', 'viewer'),
  ('shop', '00000000-0000-4000-8000-0000000000a2', 'editor'),
  ('shop', '00000000-0000-4000-8000-0000000000a3', 'admin'),
  ('other', '00000000-0000-4000-8000-0000000000a4', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000a5');
insert into tocsin.alert_channels (channel_id, name, kind, url, recipients, project_id) values
  ('c4a22e10-0000-4000-8000-00000000000a', 'hook', 'webhook', 'https://x.example', '{}', 'shop'),
  ('c4a22e10-0000-4000-8000-00000000000b', 'slack', 'slack', 'https://x.example/a/b', '{}', 'shop'),
  ('c4a22e10-0000-4000-8000-00000000000c', 'mail', 'email', null, '{anna@x.example}', null),
  ('c4a22e10-0000-4000-8000-00000000000d', 'phone', 'sms', null, '{+4915112345678}', null);
with n as (
  insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
    decided_at)
  values (null, 'shop', 'w', 'first', '{"version": 1}', '2026-03-04 10:00Z')
  returning notification_id
)
select from n, tocsin_internal.make_deliveries(n.notification_id,
  array(select channel_id from tocsin.alert_channels), '2026-03-04 10:00Z');
select count(tocsin.record_attempt(delivery_id, attempt, 'retry', '2026-03-04 10:00Z',
  '2026-03-04 10:00Z', '2026-03-04 10:01Z', 500, 'it answered 500'))
from tocsin.claim_deliveries(p_now => '2026-03-04 10:00Z');

create function pg_temp.says(p_statement text) returns text language plpgsql as $$
declare
  v_said text;
begin
  execute p_statement into v_said;
  return coalesce(v_said, 'nothing');
exception when others then
  return sqlstate;
end
$$;
-- sees states; the secret of the webhook, the address of Slack; rotates; changes a channel of the
-- project and one of the operators'; changes a pace
create function pg_temp.may(p_user text) returns text language plpgsql as $$
declare
  v_seen text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'authenticated',
    'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text, true);
  set local role authenticated;
  select string_agg(case when seen ~ '^(whsec_|https:)' then 'told' else seen end, ' '
    order by place) into v_seen
  from (values
    (1, pg_temp.says('select count(*) from tocsin.channel_states')),
    (2, pg_temp.says($s$select tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000a')$s$)),
    (3, pg_temp.says($s$select tocsin.channel_secret('c4a22e10-0000-4000-8000-00000000000b')$s$)),
    (4, pg_temp.says($s$
      select tocsin.rotate_channel_secret('c4a22e10-0000-4000-8000-00000000000a')$s$)),
    (5, pg_temp.says($s$
      with u as (update tocsin.alert_channels set name = name where name = 'hook' returning 1)
      select count(*) from u$s$)),
    (6, pg_temp.says($s$
      with u as (update tocsin.alert_channels set name = name where name = 'mail' returning 1)
      select count(*) from u$s$)),
    (7, pg_temp.says($s$
      with u as (update tocsin.send_paces set per_second = 2 where kind = 'email' returning 1)
      select count(*) from u$s$))
  ) as t (place, seen);
  reset role;
  return v_seen;
end
$$;

select is(pg_temp.may('00'), '0 TC011 TC011 TC011 0 0 0', 'A stranger sees and changes nothing;');
select is(pg_temp.may('a1'), '0 TC011 TC011 TC011 0 0 0', 'nor does a viewer,');
select is(pg_temp.may('a4'), '0 TC011 TC011 TC011 0 0 0', 'nor an admin of another project.');
select is(pg_temp.may('a2'), '2 told told told 1 0 0', 'An editor does, of the project''s own;');
select is(pg_temp.may('a3'), '2 told told told 1 0 0', 'so does an admin.');
select is(pg_temp.may('a5'), '4 told told told 1 1 1', 'An operator does, of all.');

set local role authenticated;
select set_config('request.jwt.claims', '{"role": "authenticated",
  "sub": "00000000-0000-4000-8000-0000000000a1"}', true);
select results_eq($$select channel_name, recipient from tocsin.deliveries order by 1$$,
  $$values ('hook', null), ('mail', 'a…@x.example'), ('phone', '+49…78'), ('slack', null)$$,
  'A viewer sees where a notification of the project went, but nobody''s address;');
select throws_ok('select * from tocsin_internal.channel_recipients', '42501', null,
  'that is where only the owner looks.');
select throws_ok($$select tocsin.unsubscribe('x')$$, '42501', null,
  'Nobody signed in unsubscribes by a token,');
select throws_ok($$select * from tocsin.claim_deliveries()$$, '42501', null, 'or claims.');
reset role;
set local role anon;
select throws_ok('select * from tocsin.channel_states', '42501', null, 'Somebody not signed in');
select throws_ok($$select tocsin.unsubscribe('x')$$, '42501', null, 'does neither.');
reset role;

select * from finish();
rollback;
