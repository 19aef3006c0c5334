begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.sketch(p_prefix text, p_from int, p_to int) returns bigint[]
language sql as $$
  select tocsin_internal.sketch_ids(array(select p_prefix || n from generate_series(p_from, p_to)
    as n))
$$;
select is(tocsin_internal.sketch_count(pg_temp.sketch('user-', 1, 1023)), 1023::bigint,
  'Up to 1,023 ids are counted exactly.');
select is(tocsin_internal.sketch_count('{}'), 0::bigint, 'None are none.');
select is(
  tocsin_internal.merge_sketches(pg_temp.sketch('u', 1, 3000), pg_temp.sketch('u', 2000, 5000)),
  pg_temp.sketch('u', 1, 5000), 'Two sketches merge into that of the union.');
create temp table trial as
select n, tocsin_internal.sketch_count(pg_temp.sketch('trial-' || t || '-', 1, n))::float / n - 1
  as error
from generate_series(1, 60) as t cross join unnest(array[2000, 20000]) as n;
select cmp_ok((select sqrt(avg(error ^ 2)) from trial), '<', 0.04::double precision,
  'Beyond, the error is as it is said to be: 3.2 % on average,');
select cmp_ok((select max(abs(error)) from trial), '<', 0.13::double precision,
  'and never four times that.');

select * from finish();
rollback;
