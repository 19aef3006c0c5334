begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

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
select pg_temp.deliver('mail', '2026-03-04 10:00Z');
create function pg_temp.lose(p_hour int) returns void language plpgsql as $$
declare
  v_now timestamptz := '2026-03-04 10:00Z'::timestamptz + make_interval(hours => p_hour);
begin
  perform tocsin_internal.queue_deliveries(v_now);
  perform tocsin.claim_deliveries(p_now => v_now);
end
$$;
select pg_temp.lose(n) from generate_series(1, 10) as n;
select is((select attempt_count from tocsin.deliveries where state = 'sending'), 10,
  'Ten attempts are made,');
select pg_temp.lose(11);

select results_eq($$select state::text, attempt_count, last_error from tocsin.deliveries$$,
  $$values ('dead', 10, 'the sender never reported')$$, 'then the delivery is given up.');
select results_eq($$select (message ->> 'delivery_id')::uuid from pgmq.q_tocsin_deliveries_dlq$$,
  $$select delivery_id from tocsin.deliveries$$, 'It lies in the dead letters.');
select is((select count(*)::int from tocsin.delivery_attempts where outcome = 'lost'), 10,
  'Every attempt is in the log.');

select * from finish();
rollback;
