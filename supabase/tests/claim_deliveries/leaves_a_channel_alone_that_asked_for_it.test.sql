begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

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
create function pg_temp.record(p_outcome text, p_at timestamptz, p_count int default 1000,
  p_hold interval default null, p_gone boolean default false)
returns bigint language sql as $$
  select count(tocsin.record_attempt(c.delivery_id, c.attempt, p_outcome, p_at, p_at,
    p_at + interval '1 second', p_error => 'it answered 500', p_hold_until => p_at + p_hold,
    p_is_gone => p_gone))
  from tocsin.claim_deliveries(p_count, p_now => p_at) c
$$;
insert into tocsin.alert_channels (name, kind, url) values
  ('hook', 'webhook', 'https://x.example'), ('other', 'webhook', 'https://y.example');

select pg_temp.deliver('hook', '2026-03-04 10:00Z', 20);
select pg_temp.record('retry', '2026-03-04 10:00Z', 1, '10 minutes');
select pg_temp.deliver('other', '2026-03-04 10:00Z', 1);

select is((select string_agg(channel_name, ',')
  from tocsin.claim_deliveries(p_now => '2026-03-04 10:09Z')), 'other',
  'A receiver that said Retry-After gets nothing before that, of no delivery.');
select isnt_empty($$select * from tocsin.claim_deliveries(p_now => '2026-03-04 10:10Z')$$,
  'Then it does.');
insert into tocsin.alert_channels (name, kind, recipients) values
  ('one', 'email', '{a@b.test}'), ('two', 'email', '{c@d.test}');
select pg_temp.deliver('one', '2026-03-04 11:00Z');
select pg_temp.deliver('two', '2026-03-04 11:00Z');
select pg_temp.record('retry', '2026-03-04 11:00Z', 1, '3 days');
select is_empty($$
  select * from tocsin.claim_deliveries(p_now => '2026-03-04 11:59Z') where channel_kind = 'email'
$$, 'When the provider says so, no channel of it is sent to,');
select isnt_empty($$
  select * from tocsin.claim_deliveries(p_now => '2026-03-04 12:00Z') where channel_kind = 'email'
$$, 'but for an hour at most.');

select * from finish();
rollback;
