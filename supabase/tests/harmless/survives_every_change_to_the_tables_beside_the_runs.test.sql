begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table cases (change text primary key, is_captured boolean);
insert into cases values
  ('events alter column run_id type text', true),
  ('events alter column type type varchar(80)', true),
  ('events alter column at type date', true),
  ('events alter column payload type json', true),
  ('events rename column run_id to run', false),
  ('events rename column type to kind', false),
  ('events rename column at to happened_at', true),
  ('events rename column payload to data', true),
  ('events drop column run_id', false),
  ('events drop column type', false),
  ('events drop column at', true),
  ('events drop column payload', true),
  ('jobs alter column run_id type text', true),
  ('jobs alter column failed_at type text', true),
  ('jobs alter column dead_at type date', true),
  ('jobs alter column error type varchar(80)', true),
  ('jobs rename column run_id to run', false),
  ('jobs rename column failed_at to failure', false),
  ('jobs rename column dead_at to died', true),
  ('jobs rename column error to reason', true),
  ('jobs drop column run_id', false),
  ('jobs drop column failed_at', false),
  ('jobs drop column dead_at', true),
  ('jobs drop column error', true);

create function pg_temp.try(p_change text) returns text language plpgsql as $$
declare
  v_result text;
begin
  create table runs (id int primary key, status text);
  create table events (run_id int, type text, at timestamptz, payload jsonb, other int);
  create table jobs (run_id int, failed_at timestamptz, dead_at timestamptz, error text, other int);
  perform tocsin.watch_runs('runs', p_options => '{
    "events": {"table": "public.events", "run_id": "run_id", "type": "type", "at": "at",
               "payload": "payload", "failed_type": "step_failed", "max_attempts": 1},
    "jobs": {"table": "public.jobs", "run_id": "run_id", "failed_at": "failed_at",
             "dead_at": "dead_at", "error": "error"}}');
  insert into events values (1, 'step_started', now(), '{}'), (1, 'step_failed', now(), '{}');
  insert into jobs values (1, null, null, null), (2, null, now(), null), (3, null, now(), null);
  delete from tocsin_internal.run_outcomes;
  execute 'alter table ' || p_change;
  begin
    insert into events (run_id, type, payload) values (1, 'step_failed', '{"attempt": 1}');
  exception when undefined_column then
    insert into events (other) values (1);
  end;
  begin
    insert into jobs (run_id) values (1);
    update jobs set failed_at = now() where other is null;
  exception when undefined_column then
    update jobs set other = 1;
  end;
  select exists (select from tocsin_internal.run_outcomes
    where signal || 's' = split_part(p_change, ' ', 1)) into v_result;
  raise 'done' using errcode = 'ZZ000', detail = v_result;
exception when sqlstate 'ZZ000' then
  get stacked diagnostics v_result = pg_exception_detail;
  return v_result;
when others then
  return sqlerrm;
end
$$;

select is_empty($$
  select change, have from cases cross join lateral pg_temp.try(change) as have
  where have not in ('true', 'false')
$$, 'Any column of the events and the jobs may change: the host goes on.');
select is_empty($$
  select change, have from cases cross join lateral pg_temp.try(change) as have
  where have <> is_captured::text
    -- without a payload the events cannot say which attempt they tell: each may be the last
    and change not in ('events rename column payload to data', 'events drop column payload')
$$, 'What can still be read is captured.');

select * from finish();
rollback;
