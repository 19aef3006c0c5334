begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

insert into auth.users (id, email) values
  ('00000000-0000-4000-8000-00000000000a', 'operator@example.com'),
  ('00000000-0000-4000-8000-00000000000b', 'viewer@example.com'),
  ('00000000-0000-4000-8000-00000000000c', 'other@example.com');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-00000000000a');
insert into tocsin.project_members (project_id, user_id, role) values
  ('p', '00000000-0000-4000-8000-00000000000b', 'viewer'),
  ('q', '00000000-0000-4000-8000-00000000000c', 'admin');
delete from tocsin.webhooks;
delete from tocsin.cron_jobs;
insert into tocsin.cron_jobs (job_id, job_name, schedule, plan, is_active, scheduled_since,
  watched_since) values (1, 'nightly', '0 3 * * *', tocsin_internal.parse_cron('0 3 * * *'), true,
  now(), now());
insert into tocsin.cron_metrics (job_id, minute) values (1, date_trunc('minute', now()));
insert into tocsin.webhooks (webhook_id, kind, name, project_id, first_seen_at) values
  ('1', 'labeled', 'of p', 'p', now()), ('2', 'database_webhook', 'of nobody', '', now());
insert into tocsin.webhook_metrics values ('1', date_trunc('minute', now()), 1, 1),
  ('2', date_trunc('minute', now()), 1, 1);
insert into tocsin.request_waits values (date_trunc('minute', now()), 1, 1, true);

-- How much an actor sees: jobs, their figures, webhooks, their figures, what waits.
create function pg_temp.seen(p_role text, p_user text) returns text language plpgsql as $$
declare
  v_seen text;
begin
  perform set_config('request.jwt.claims', json_build_object('sub', p_user)::text, true);
  perform set_config('role', p_role, true);
  select concat_ws(' ', (select count(*) from tocsin.cron_health),
    (select count(*) from tocsin.cron_metrics), (select count(*) from tocsin.webhook_health),
    (select count(*) from tocsin.webhook_metrics), (select count(*) from tocsin.request_waits))
  into v_seen;
  reset role;
  return v_seen;
exception when insufficient_privilege then
  reset role;
  return 'refused';
end
$$;

select is(pg_temp.seen('authenticated', '00000000-0000-4000-8000-00000000000a'), '1 1 2 2 1',
  'An operator sees all of it.');
select is(pg_temp.seen('authenticated', '00000000-0000-4000-8000-00000000000b'), '0 0 1 1 0',
  'A member sees the webhooks that a label gave to their project.');
select is(pg_temp.seen('authenticated', '00000000-0000-4000-8000-00000000000c'), '0 0 0 0 0',
  'A member of another project sees nothing.');
select is(pg_temp.seen('authenticated', '00000000-0000-4000-8000-00000000000d'), '0 0 0 0 0',
  'A stranger sees nothing.');
select is(pg_temp.seen('anon', null), 'refused', 'Nobody sees it without signing in.');
select is(pg_temp.seen('service_role', null), '1 1 2 2 1', 'The service sees all of it.');

set local role authenticated;
select throws_ok($$update tocsin.cron_jobs set is_active = false$$, '42501', null,
  'Nobody writes what the heart writes;');
select throws_ok($$select tocsin.label_request(1, 'mine')$$, '42501', null,
  'labels are for the database''s own functions');
reset role;
set local role service_role;
select is(tocsin.label_request(1, 'mine'), 1::bigint, 'and the service.');
reset role;

select * from finish();
rollback;
