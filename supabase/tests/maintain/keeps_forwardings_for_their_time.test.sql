begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

insert into tocsin.forwardings (forwarder, error_id, project_id, ingested_at, event_id, state,
  next_attempt_at, created_at)
select 'sentry', gen_random_uuid(), age || ' ' || state, now(), gen_random_uuid(),
  state::tocsin.forwarding_state, now(), now() - age::interval
from unnest(array['6 days', '8 days', '33 days']) as age,
  unnest(array['pending', 'sending', 'forwarded', 'dead']) as state;
select from tocsin_internal.maintain();
select bag_eq('select project_id from tocsin.forwardings', array['6 days pending', '6 days sending',
  '6 days forwarded', '6 days dead', '8 days pending', '8 days sending'],
  'What is over goes after seven days, what waits when its error is gone.');

select * from finish();
rollback;
