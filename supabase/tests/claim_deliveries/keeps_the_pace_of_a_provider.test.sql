begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.deliver(p_channel text, p_due timestamptz, p_count int default 1)
returns void
language sql as $$
  with n as (
    insert into tocsin.notifications (setting_id, project_id, workflow_id, purpose, content,
      decided_at)
    select gen_random_uuid(), '', 'w', 'first', '{"version": 1}', p_due
    from generate_series(1, p_count)
    returning notification_id
  )
  select from n, tocsin_internal.make_deliveries(n.notification_id, array(
    select channel_id from tocsin.alert_channels where name = p_channel), p_due)
$$;
insert into tocsin.alert_channels (name, kind, recipients) values
  ('one', 'email', '{a@b.test}'), ('two', 'email', '{c@d.test}');
select pg_temp.deliver('one', '2026-03-04 10:00Z', 60);
select pg_temp.deliver('two', '2026-03-04 10:00Z', 1);

create temp table claimed as select * from tocsin.claim_deliveries(4, p_now => '2026-03-04 10:00Z');
select results_eq($$select wait_ms from claimed order by 1$$, array[0, 500, 1000, 1500],
  'Two a second go to Resend, by all email channels together.');
select ok((select wait_ms <= 500 from claimed where channel_name = 'two'),
  'Each channel has its turn, whichever comes first.');
select is((select min(wait_ms) from tocsin.claim_deliveries(4, p_now => '2026-03-04 10:00:01Z')),
  1000, 'Another sender gets the slots after these.');
select is((select max(wait_ms) from tocsin.claim_deliveries(100, p_now => '2026-03-04 10:00:01Z')),
  20000, 'Slots are given out twenty seconds ahead,');
update tocsin.send_paces set per_second = 100 where kind = 'email';
select is((select count(*)::int from tocsin.claim_deliveries(9, p_now => '2026-03-04 10:00:31Z')),
  9, 'and operators may say how fast it goes.');

select * from finish();
rollback;
