begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
create function pg_temp.deliver(p_state tocsin.delivery_state, p_error text, p_at timestamptz)
returns void language sql as $$
  with n as (
    insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
      decided_at)
    values (gen_random_uuid(), '', 'w', 'first', '{"version": 1}', p_at) returning notification_id
  )
  insert into tocsin.deliveries (notification_id, project_id, channel_id, channel_kind,
    channel_name, state, next_attempt_at, created_at, last_error, delivered_at)
  select notification_id, '', channel_id, kind, name, p_state, p_at + interval '1 hour', p_at,
    p_error, case p_state when 'delivered' then p_at end
  from n, tocsin.alert_channels
$$;
create function pg_temp.said() returns text language sql as $$
  select concat_ws(' → ', status, detail, hint) from tocsin.doctor()
  where check_name = 'function secrets'
$$;
select is(pg_temp.said(), 'ok → No delivery of the last day has missed one.', 'Nothing is known.');
select pg_temp.deliver('pending', 'The function secret RESEND_API_KEY is not set. Run: supabase '
  'secrets set RESEND_API_KEY=re_…', now() - interval '1 minute');
select is(pg_temp.said(), 'fail → The function secret RESEND_API_KEY is not set. → supabase '
  'secrets set RESEND_API_KEY=…', 'It names the secret and the command.');
select pg_temp.deliver('delivered', null, now());
select is(pg_temp.said(), 'ok → No delivery of the last day has missed one.',
  'When the next one arrives it is there.');

select * from finish();
rollback;
