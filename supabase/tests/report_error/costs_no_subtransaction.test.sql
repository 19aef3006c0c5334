begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create function pg_temp.subtransactions() returns int language sql as $$
  select s.subxact_count from pg_stat_get_backend_idset() as b (id)
  cross join pg_stat_get_backend_subxact(b.id) as s
  where pg_stat_get_backend_pid(b.id) = pg_backend_pid()
$$;
create temp table before as select pg_temp.subtransactions() as n;
select count(tocsin.report_error('network', 'connect to ' || n)) from generate_series(1, 100) as n;
select pg_stat_clear_snapshot();
select is(pg_temp.subtransactions(), (select n from before),
  'A trigger that reports an error a row leaves the cache of subtransactions to others.');
select is((select count(*) from tocsin_internal.reported_errors), 100::bigint, 'Each is taken.');

select * from finish();
rollback;
