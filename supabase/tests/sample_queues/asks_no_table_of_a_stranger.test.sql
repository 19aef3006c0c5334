begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

-- a role that may make schemas, and no more, puts its own in the place of pg-boss's
create role worker nologin;
grant worker to postgres with inherit false, set true;
do $$ begin execute format('grant create on database %I to worker', current_database()); end $$;
create table public.loot (who text);
grant insert on public.loot to worker;
set local role worker;
create schema pgboss;
create function pgboss.steal() returns text language plpgsql
as $$ begin insert into public.loot values (current_user); return 'mail'; end $$;
create view pgboss.queue as select pgboss.steal() as name, null::text as dead_letter,
  'job_common' as table_name;
reset role;

select tocsin_internal.sample_queues('2026-03-04 10:00Z');
select is_empty('select who from public.loot',
  'No code of a role runs with the heart''s rights: its view is not asked,');
set local role worker;
drop view pgboss.queue;
create table pgboss.queue (name text, dead_letter text, table_name text);
insert into pgboss.queue values ('mail', null, 'job_common');
reset role;
select tocsin_internal.sample_queues('2026-03-04 10:00:10Z');
select is_empty($$select queue_name from tocsin.queues where kind = 'pgboss'$$,
  'nor its table, of whose types and indexes it made the functions.');
select results_eq($$select status from tocsin.doctor() where check_name = 'queues of pg-boss'$$,
  array['warn'], 'doctor() says so.');

grant worker to postgres with inherit true;
select tocsin_internal.sample_queues('2026-03-04 10:00:20Z');
select results_eq($$select queue_name from tocsin.queues where kind = 'pgboss'$$,
  array['mail'], 'Where that role is granted to the owner of Tocsin, they are.');

select * from finish();
rollback;
