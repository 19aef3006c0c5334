begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
-- as it is, but in batches that take no time
do $$
begin
  execute replace(pg_get_functiondef('tocsin_internal.roll_up'::regproc), '20000', '20');
end
$$;
insert into runs select n, 'failed' from generate_series(1, 45) as n;

select is(tocsin_internal.roll_up(), 45::bigint, 'More than one batch is taken in one beat.');
select is((select count(distinct message ->> 'error_id')::int from pgmq.q_tocsin_failures), 45,
  'Each failure has an id of its own.');
select is((select count(*) from tocsin_internal.run_outcomes), 0::bigint, 'Nothing is left.');

select * from finish();
rollback;
