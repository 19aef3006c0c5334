begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create function pg_temp.readable(p_role text) returns setof text language plpgsql as $$
declare
  v_table text;
begin
  for v_table in
    select oid::regclass from pg_class where relnamespace = 'tocsin_internal'::regnamespace
      and relkind in ('r', 'p', 'v')
  loop
    begin
      perform set_config('role', p_role, true);
      execute format('select from %s limit 1', v_table);
      return next v_table;
    exception when insufficient_privilege then
      null;
    end;
    reset role;
  end loop;
end
$$;

select is_empty($$select pg_temp.readable('anon')$$, 'Nobody reads it without signing in,');
-- what tocsin.workflow_run_metrics is made of, under row-level security
create temp table metrics (name text);
insert into metrics values ('counted_ranges'), ('counted_runs'), ('error_buckets'),
  ('error_impact'), ('granularities'), ('long_runs'),
  ('outcome_floor'), ('pending_outcomes'), ('queue_states'), ('run_buckets'),
  ('run_outcomes');
grant select on metrics to public;
select bag_eq($$select pg_temp.readable('authenticated')$$,
  $$select 'tocsin_internal.' || name from metrics$$, 'after signing in what metrics are made of,');
select bag_eq($$select pg_temp.readable('service_role')$$,
  $$select 'tocsin_internal.' || name from metrics$$, 'and so does the service.');

select * from finish();
rollback;
