begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
-- mostly successes, which take little of the two seconds that a beat has
insert into runs select n, case when n % 40 = 0 then 'failed' else 'succeeded' end
from generate_series(1, 20400) as n;

select is(tocsin_internal.roll_up(), 20400::bigint, 'More than one batch is taken in one beat.');
select is((select count(distinct message ->> 'error_id')::int from pgmq.q_tocsin_failures), 510,
  'Each failure has an id of its own.');

select * from finish();
rollback;
