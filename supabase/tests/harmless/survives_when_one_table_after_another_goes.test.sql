begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs select n, 'running' from generate_series(1, 9) as n;
create function pg_temp.drop_and_write() returns int language plpgsql as $$
declare
  v_table text;
  v_count int := 0;
begin
  for v_table in
    select oid::regclass from pg_class where relkind in ('r', 'p') and not relispartition
      and relnamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace) order by relname
  loop
    execute format('drop table %s cascade', v_table);
    update runs set status = 'failed';
    update runs set status = 'running' where id < 5;
    update runs set status = 'succeeded' where id < 3;
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;

select cmp_ok(pg_temp.drop_and_write(), '>', 15,
  'However much of Tocsin is gone, the host writes its runs.');

select * from finish();
rollback;
