begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into auth.users (id, email, email_confirmed_at)
values ('00000000-0000-4000-8000-0000000000ff', 'ada@example.com', now());
select from tocsin.setup('https://x.example/functions/v1', 'ada@example.com');
create function pg_temp.state() returns jsonb language sql as $$
  select jsonb_build_object(
    'jobs', (select jsonb_agg(to_jsonb(j) order by jobid) from cron.job j),
    'secrets', (select jsonb_agg(to_jsonb(s) order by id) from vault.secrets s),
    'tokens', (select jsonb_agg(to_jsonb(t)) from tocsin_internal.doorbell_tokens t),
    'queues', (select jsonb_agg(queue_name order by queue_name) from pgmq.meta),
    'installation', (select to_jsonb(i) - '{last_doorbell_id,last_doorbell_at}'::text[]
      from tocsin_internal.installation i),
    'operators', (select jsonb_agg(to_jsonb(o)) from tocsin.operators o),
    'sources', (select jsonb_agg(to_jsonb(s) - 'updated_at') from tocsin.run_sources s),
    'triggers', (select jsonb_agg(oid order by oid) from pg_trigger where tgname like 'tocsin%'))
$$;
create temp table before as select pg_temp.state() as state;
select from tocsin.setup('https://x.example/functions/v1', 'ada@example.com');
select from tocsin.setup();

select is(pg_temp.state(), state, 'Setting up again, with the same words or none, changes nothing.')
from before;
select bag_eq($$select user_id from tocsin.operators$$,
  array['00000000-0000-4000-8000-0000000000ff'::uuid],
  'Who has signed up and confirmed already is an operator at once.');

select * from finish();
rollback;
