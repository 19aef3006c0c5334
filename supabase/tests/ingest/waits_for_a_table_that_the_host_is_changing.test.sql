begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, status text, error text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', 'boom'), (2, 'failed', 'bang');
-- as if another session held the table
create function pg_temp.hold() returns int language plpgsql as
  $$begin raise lock_not_available; end$$;
create or replace function tocsin_internal.describe_runs(p_run_ids text[])
returns table (run_id text, project_id text, workflow_id text, workflow_name text,
  started_at timestamptz, node text, error text, attempt int)
language sql as $$select '', '', '', '', now(), '', '', pg_temp.hold()$$;
select from tocsin_internal.tick();

select is_empty($$select run_id from tocsin.error_metrics$$,
  'While the table cannot be read its failures wait.');
select is((select count(*)::int from pgmq.q_tocsin_failures), 2, 'They stay in the queue.');
select is_empty($$select msg_id from tocsin_internal.claimed_failures$$, 'Nothing stays claimed.');
create function pg_temp.beat() returns void language plpgsql as $$
begin
  update pgmq.q_tocsin_failures set vt = clock_timestamp();
  perform from tocsin_internal.tick();
end
$$;
select pg_temp.beat() from generate_series(1, 6);
select is_empty($$select msg_id from pgmq.q_tocsin_failures_dlq$$,
  'However long that takes, none of them is given up.');
select from tocsin.setup();
update pgmq.q_tocsin_failures set vt = clock_timestamp();
select from tocsin_internal.tick();
select bag_eq($$select message from tocsin.error_metrics$$, array['boom', 'bang'],
  'Afterwards they are told, with their text.');

select * from finish();
rollback;
