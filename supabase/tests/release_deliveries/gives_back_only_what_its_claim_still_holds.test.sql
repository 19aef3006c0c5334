begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

insert into tocsin.alert_channels (channel_id, name, kind, recipients)
values ('aaaaaaaa-0000-4000-8000-000000000001', 'mail', 'email', '{a@example.com}');
insert into tocsin.notifications
  (notification_id, setting_id, project_id, workflow_id, purpose, content, decided_at)
values ('cccccccc-0000-4000-8000-000000000001', gen_random_uuid(), '', '', 'first', '{}', now());
insert into tocsin.deliveries (delivery_id, notification_id, project_id, channel_id, channel_kind,
  channel_name, next_attempt_at, created_at)
select ('dddddddd-0000-4000-8000-00000000000' || n)::uuid, 'cccccccc-0000-4000-8000-000000000001',
  '', 'aaaaaaaa-0000-4000-8000-000000000001', 'email', 'mail', now(), now()
from generate_series(1, 3) as n;
select from tocsin_internal.queue_deliveries();

create function pg_temp.ids(variadic p_numbers int[]) returns uuid[] language sql as $$
  select array_agg(('dddddddd-0000-4000-8000-00000000000' || n)::uuid) from unnest(p_numbers) as n
$$;
create view pg_temp.stand as
select string_agg(format('%s %s', d.state, d.attempt_count), ', ' order by d.delivery_id) as stand
from tocsin.deliveries d;

set local role service_role;
select from tocsin.claim_deliveries();
select is(tocsin.release_deliveries(pg_temp.ids(1, 2), array[1, 7]), 1,
  'It returns how many it gave back.');
reset role;
select results_eq('select stand from pg_temp.stand',
  array['pending 0, sending 1, sending 1'],
  'A claim is given back as if it had not been; one with another attempt is not this claim''s.');
select results_eq($$
  select d.delivery_id from tocsin.deliveries d
  where state = 'pending' and next_attempt_at <= clock_timestamp()
$$, pg_temp.ids(1), 'What is given back can be claimed at once.');

-- the lease of 2 runs out, and somebody else claims it
select from tocsin_internal.queue_deliveries(clock_timestamp() + interval '1 hour');
select from tocsin.claim_deliveries(p_now => clock_timestamp() + interval '1 hour');
select results_eq('select stand from pg_temp.stand',
  array['sending 1, sending 2, sending 2'], 'It is claimed anew, as its second attempt.');
select is(tocsin.release_deliveries(pg_temp.ids(2, 3), array[1, 1]), 0,
  'Who lost the lease gives nothing back.');
select is(tocsin.release_deliveries(pg_temp.ids(1, 2), array[1]), 1,
  'A delivery without its attempt is passed over.');
select is(tocsin.release_deliveries('{}', '{}'), 0, 'Nothing is nothing.');

select * from finish();
rollback;
